//! Dialing: which nodes want a link, and when the next attempt is due.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use lanlens_model::limits::DIALS_MAX;
use lanlens_model::{NodeId, Role};

use crate::backoff::{Backoff, LONGEST, LONGEST_UNSEEN};
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
            .filter(|(at, typed)| self.wants_typed(**at, typed) && typed.backoff.due() <= now)
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
        let typed = self.directory.typed.iter().filter(|(at, typed)| self.wants_typed(**at, typed));
        nodes
            .map(|(_, node)| node.backoff.due())
            .chain(typed.map(|(_, typed)| typed.backoff.due()))
            .min()
    }

    /// Who is not there is tried less often, unless a person has typed where it was.
    pub(crate) fn longest_wait_for(&self, target: Target) -> Duration {
        let Target::Node(id) = target else { return LONGEST };
        let unseen = self.directory.nodes.get(&id).is_some_and(Node::is_only_remembered);
        let typed = self.directory.typed.values().any(|typed| typed.node == Some(id));
        if unseen && !typed { LONGEST_UNSEEN } else { LONGEST }
    }

    /// It is looked for, and there is no link (or only one to an earlier start).
    fn wants_link(&self, id: NodeId, node: &Node) -> bool {
        self.is_looked_for(id, node)
            && node.dialing.is_none()
            && (node.link.is_none() || node.restarted())
    }

    /// Somebody watches and somebody serves, and there is somewhere to dial.
    fn is_looked_for(&self, id: NodeId, node: &Node) -> bool {
        let pair = match node.role {
            Role::Camera => self.config.role == Role::Viewer,
            Role::Viewer => !self.config.cameras.is_empty(),
        };
        pair && id != self.config.node && node.left.is_none() && node.has_address()
    }

    /// Neither is its node linked, nor is it dialed there by its name already.
    fn wants_typed(&self, address: SocketAddr, typed: &Typed) -> bool {
        let node = typed.node.and_then(|id| Some((id, self.directory.nodes.get(&id)?)));
        let by_name = node.is_some_and(|(id, node)| {
            node.link.is_some() || (self.is_looked_for(id, node) && node.may_be_at(address))
        });
        typed.dialing.is_none() && !by_name
    }
}
