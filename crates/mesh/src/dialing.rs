//! Dialing: which nodes want a link, and when the next attempt is due.

use std::net::SocketAddr;
use std::time::Instant;

use lanlens_model::limits::DIALS_MAX;
use lanlens_model::{NodeId, Role};

use crate::backoff::Backoff;
use crate::io::DialId;
use crate::links::Target;
use crate::node::Node;
use crate::{Action, Mesh};

/// An address typed by hand.
pub(crate) struct Typed {
    pub(crate) backoff: Backoff,
    pub(crate) dialing: Option<DialId>,
    /// Who answered there.
    pub(crate) node: Option<NodeId>,
    /// The program was told that nobody answers.
    pub(crate) complained: bool,
    /// Found by a search: tried once.
    pub(crate) once: bool,
}

impl Mesh {
    pub(crate) fn on_add_peer(&mut self, address: SocketAddr) {
        let due = self.now;
        let typed = self.directory.typed.entry(address).or_insert_with(|| Typed {
            backoff: Backoff::starting(due),
            dialing: None,
            node: None,
            complained: false,
            once: false,
        });
        // Where a search was there first, it is a person's wish from now on.
        (typed.once, typed.complained) = (false, false);
    }

    pub(crate) fn dial_what_is_due(&mut self) {
        self.dial_what_was_typed();
        let now = self.now;
        let mut due: Vec<(bool, bool, Instant, NodeId)> = self
            .directory
            .nodes
            .iter()
            .filter(|(id, node)| self.wants_link(**id, node) && node.backoff.due() <= now)
            .map(|(id, node)| {
                (node.is_only_remembered(), node.proven.is_none(), node.backoff.due(), *id)
            })
            .collect();
        // Who is here goes before who was here once, who has proven itself before goes before hearsay,
        // then who waits longest.
        due.sort_unstable();
        for (unseen, _, _, id) in due {
            let room = if unseen { self.free_dials_for_unseen() } else { self.links.free_dials() };
            if room == 0 {
                return;
            }
            let dial = self.links.new_dial(Target::Node(id));
            let Some(node) = self.directory.nodes.get_mut(&id) else { continue };
            node.dialing = Some(dial);
            node.backoff.tried(now);
            let addresses = node.addresses();
            self.act(Action::Dial { dial, addresses, expect: Some(id.device()) });
        }
    }

    /// Those whom nothing announces leave half of the attempts to others.
    fn free_dials_for_unseen(&self) -> usize {
        let nodes = self.directory.nodes.values();
        let under_way =
            nodes.filter(|node| node.dialing.is_some() && node.is_only_remembered()).count();
        self.links.free_dials().min((DIALS_MAX / 2).saturating_sub(under_way))
    }

    /// First of all: a person waits for it.
    fn dial_what_was_typed(&mut self) {
        let now = self.now;
        let typed: Vec<SocketAddr> = self
            .directory
            .typed
            .iter()
            .filter(|(_, typed)| self.wants_typed(typed) && typed.backoff.due() <= now)
            .map(|(address, _)| *address)
            .collect();
        for address in typed.into_iter().take(self.links.free_dials()) {
            let dial = self.links.new_dial(Target::Typed(address));
            let Some(typed) = self.directory.typed.get_mut(&address) else { continue };
            typed.dialing = Some(dial);
            typed.backoff.tried(now);
            self.act(Action::Dial { dial, addresses: vec![address], expect: None });
        }
    }

    pub(crate) fn next_dial_due(&self) -> Option<Instant> {
        if self.links.free_dials() == 0 {
            // The end of an attempt is an input of its own.
            return None;
        }
        let unseen = self.free_dials_for_unseen() > 0;
        let nodes = self.directory.nodes.iter().filter(|(id, node)| {
            self.wants_link(**id, node) && (unseen || !node.is_only_remembered())
        });
        let typed = self.directory.typed.values().filter(|typed| self.wants_typed(typed));
        nodes
            .map(|(_, node)| node.backoff.due())
            .chain(typed.map(|typed| typed.backoff.due()))
            .min()
    }

    /// Somebody watches and somebody serves, and there is no link (or only one to an earlier start).
    fn wants_link(&self, id: NodeId, node: &Node) -> bool {
        let pair = match node.role {
            Role::Camera => self.config.role == Role::Viewer,
            Role::Viewer => !self.config.cameras.is_empty(),
        };
        pair && id != self.config.node
            && node.left.is_none()
            && node.dialing.is_none()
            && (node.link.is_none() || node.restarted())
            && node.has_address()
    }

    fn wants_typed(&self, typed: &Typed) -> bool {
        let linked = typed
            .node
            .and_then(|id| self.directory.nodes.get(&id))
            .is_some_and(|node| node.link.is_some());
        typed.dialing.is_none() && !linked
    }
}
