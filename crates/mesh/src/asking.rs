//! At the camera: devices that wait until somebody lets them in, and the code that shows a person
//! which of them is which.
//!
//! ```text
//!  watcher                       camera                      people
//!    ├── access_request ──────────▶│ a place, for 10 minutes
//!    │◀────────── access_commit ───┤ bound to a nonce
//!    ├── access_nonce ────────────▶│ the code is certain ─────▶ event, store, owners' viewers
//!    │◀────────── access_reveal ───┤
//!    │◀────────────────── access ──┤◀──── allow or deny ─────── command, store, owner's viewer
//! ```
//!
//! A place stays taken when its device goes away: otherwise one could come back and try until two
//! codes happen to be equal. For the same reason a place has only a few codes.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use lanlens_model::limits::{
    CODE_TIMEOUT, WAITING_CODES_MAX, WAITING_MAX, WAITING_TIME, WRONG_INVITATION_DELAY_MAX,
    WRONG_INVITATIONS_FREE,
};
use lanlens_model::{
    Access, Code, DeviceId, Event, NodeId, RequestEnd, TrustChange, TrustView, origin,
};
use lanlens_protocol::{ErrorCode, Message, Nonce, Proof, code};

use crate::io::LinkId;
use crate::{Action, ById, Mesh};

/// Addresses whose wrong invitations are remembered.
const ADDRESSES_MAX: usize = 256;
/// Whoever was asked for its nonce keeps its place this long at least: an answer takes milliseconds.
const NONCE_PATIENCE: Duration = Duration::from_secs(2);
/// How long they are remembered after the last.
const WRONG_REMEMBERED: Duration = Duration::from_secs(600);

#[derive(Default)]
pub(crate) struct Asking {
    places: ById<DeviceId, Place>,
    wrong: ById<IpAddr, Wrong>,
    /// Removed here, until the store's word shows it: what was read before must not undo it.
    removing: ById<DeviceId, String>,
}

/// A device that waits.
struct Place {
    name: String,
    until: Instant,
    /// A nonce that the camera is bound to, until the device answers with its own.
    bound: Option<(LinkId, Nonce)>,
    /// The newest code, and the program that shows it.
    code: Option<(NodeId, Code)>,
    codes: u32,
}

/// Wrong invitations of one address.
struct Wrong {
    tries: u32,
    last: Instant,
}

impl Wrong {
    /// When the next try is in order.
    fn next(&self) -> Instant {
        let Some(over) = self.tries.checked_sub(WRONG_INVITATIONS_FREE) else { return self.last };
        let delay = Duration::from_secs(1).saturating_mul(1 << over.min(16));
        self.last + delay.min(WRONG_INVITATION_DELAY_MAX)
    }
}

impl Asking {
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.places.values().map(|place| place.until).min()
    }

    /// Everybody who waits with a code.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = (DeviceId, &str, Code)> {
        let places = self.places.iter();
        places.filter_map(|(device, place)| Some((*device, &*place.name, place.code?.1)))
    }
}

impl Mesh {
    pub(crate) fn on_access_request(&mut self, link: LinkId, node: NodeId, again: bool) {
        let device = node.device();
        if self.config.cameras.is_empty() || self.access_of(device) != Access::Pending {
            return;
        }
        if self.config.trust.sealed {
            // Nobody can be let in before a person has mended the lists.
            return self.end_request(link, RequestEnd::Other);
        }
        let full = self.asking.places.len() >= WAITING_MAX;
        let (now, name) = (self.now, self.name_of(node));
        if !self.asking.places.contains_key(&device) {
            // Who takes a place and says nothing makes way for who may.
            if full && !self.give_up_a_silent_place() {
                return self.end_request(link, RequestEnd::Full);
            }
            let until = now + CODE_TIMEOUT;
            let place = Place { name: String::new(), until, bound: None, code: None, codes: 0 };
            self.asking.places.insert(device, place);
        }
        let Some(place) = self.asking.places.get_mut(&device) else { return };
        place.name = name;
        if again && place.code.is_some_and(|(asker, _)| asker == node) {
            return;
        }
        if place.codes >= WAITING_CODES_MAX {
            return self.end_request(link, RequestEnd::TooOften);
        }
        let nonce = self.secret.nonce();
        place.bound = Some((link, nonce));
        let commitment = nonce.commitment();
        self.act(Action::Send { link, message: Message::AccessCommit { commitment } });
    }

    pub(crate) fn on_access_nonce(&mut self, link: LinkId, node: NodeId, theirs: &Nonce) {
        let (device, own, now) = (node.device(), self.own_device(), self.now);
        let Some(place) = self.asking.places.get_mut(&device) else { return };
        let Some((_, nonce)) = place.bound.take_if(|(asked, _)| *asked == link) else { return };
        let code = code(&nonce, theirs, own, device);
        let before = place.code.replace((node, code));
        place.codes += 1;
        if before.is_none() {
            place.until = now + WAITING_TIME;
        }
        let (name, left) = (place.name.clone(), place.until - now);
        self.act(Action::Send { link, message: Message::AccessReveal { nonce } });
        self.act(Action::Wait { device, name: name.clone(), code, left });
        self.emit(Event::AccessRequest { viewer: device, name, code });
        if let Some((asker, _)) = before.filter(|(asker, _)| *asker != node) {
            self.send_to(asker, Message::AccessEnded { reason: RequestEnd::Elsewhere });
        }
    }

    /// Takes the place of whoever has owed its nonce for longest; `false` if nobody has for long.
    fn give_up_a_silent_place(&mut self) -> bool {
        let silent = self.asking.places.iter().filter(|(_, place)| place.code.is_none());
        let oldest = silent.min_by_key(|(_, place)| place.until);
        let patience = CODE_TIMEOUT - NONCE_PATIENCE;
        let oldest = oldest.filter(|(_, place)| place.until <= self.now + patience);
        let Some(device) = oldest.map(|(device, _)| *device) else { return false };
        let place = self.asking.places.remove(&device);
        if let Some((link, _)) = place.and_then(|place| place.bound) {
            self.end_request(link, RequestEnd::Full);
        }
        true
    }

    fn end_request(&mut self, link: LinkId, reason: RequestEnd) {
        self.act(Action::Send { link, message: Message::AccessEnded { reason } });
    }

    /// Whoever waited long enough, and whoever does not wait any more because somebody decided.
    pub(crate) fn expire_asking(&mut self) {
        let mut over = Vec::new();
        for (device, place) in &self.asking.places {
            let decided = self.access_of(*device) != Access::Pending;
            if decided || place.until <= self.now {
                over.push((*device, decided));
            }
        }
        for (device, decided) in over {
            let place = self.asking.places.remove(&device);
            if let Some((asker, _)) = place.and_then(|place| place.code) {
                self.changed = true;
                self.act(Action::StopWaiting { device });
                if !decided {
                    self.send_to(asker, Message::AccessEnded { reason: RequestEnd::Unanswered });
                }
            }
        }
    }

    /// Whether a decision comes from an owner of our cameras: anybody else is refused. Whatever it
    /// changes, the owner is told anew who is here, so that it knows what came of it.
    pub(crate) fn is_owners(&mut self, link: LinkId, node: NodeId) -> bool {
        if self.config.cameras.is_empty() {
            return false;
        }
        if !self.config.trust.is_owner(node.device(), self.own_device()) {
            let text = "only an owner of this camera decides who may watch";
            self.refuse_link(link, ErrorCode::Access, text);
            return false;
        }
        if let Some(link) = self.links.open.get_mut(&link) {
            link.told_people = None;
        }
        true
    }

    /// Lets a device watch that waits with a code which somebody has compared: one that it shows now.
    /// It counts only once the store remembers it.
    pub(crate) fn allow_here(&mut self, device: DeviceId, name: &str, compared: &[Code]) {
        let Some(place) = self.asking.places.get(&device) else { return };
        if place.code.is_some_and(|(_, code)| compared.contains(&code)) {
            let name = if name.is_empty() { place.name.clone() } else { name.to_owned() };
            self.act(Action::ChangeTrust(TrustChange::Allow { device, name }));
        }
    }

    /// Whoever is removed is removed now, whatever becomes of the store.
    pub(crate) fn remove_here(&mut self, device: DeviceId, name: String) {
        if device != self.own_device() {
            self.asking.removing.insert(device, name.clone());
            self.act(Action::ChangeTrust(TrustChange::Deny { device, name }));
            self.on_trust_changed(self.config.trust.clone());
        }
    }

    /// The store's word, and what was removed here meanwhile.
    pub(crate) fn with_own_removals(&mut self, mut trust: TrustView) -> TrustView {
        self.asking.removing.retain(|device, _| !trust.denied.contains_key(device));
        self.asking.removing.iter().for_each(|(device, name)| trust.deny(*device, name));
        trust
    }

    pub(crate) fn on_invitation(&mut self, link: LinkId, node: NodeId, proofs: &[Proof]) {
        let (device, own, now) = (node.device(), self.own_device(), self.now);
        let Some(open) = self.links.open.get(&link) else { return };
        if self.config.cameras.is_empty() || self.access_of(device) != Access::Invite {
            return;
        }
        if open.invited {
            return;
        }
        let (remote, channel) = (open.remote, open.channel);
        let wrong = &mut self.asking.wrong;
        wrong.retain(|_, wrong| now < wrong.next().max(wrong.last + WRONG_REMEMBERED));
        let from = origin(remote.ip());
        let invitation = self.config.trust.invitation.as_ref();
        let right =
            |proof: &Proof| invitation.is_some_and(|held| proof.is_of(held, &channel, device, own));
        if proofs.iter().any(right) {
            wrong.remove(&from);
            if let Some(open) = self.links.open.get_mut(&link) {
                open.invited = true;
            }
            let name = self.name_of(node);
            return self.act(Action::ChangeTrust(TrustChange::Allow { device, name }));
        }
        if wrong.get(&from).is_some_and(|wrong| now < wrong.next()) {
            return self.end_request(link, RequestEnd::TooOften);
        }
        if wrong.len() >= ADDRESSES_MAX && !wrong.contains_key(&from) {
            // Many addresses at once: who was wrong longest ago is forgotten.
            if let Some((oldest, _)) = wrong.iter().min_by_key(|(_, wrong)| wrong.last) {
                let oldest = *oldest;
                wrong.remove(&oldest);
            }
        }
        let entry = wrong.entry(from).or_insert(Wrong { tries: 0, last: now });
        entry.tries = entry.tries.saturating_add(1);
        entry.last = now;
        self.end_request(link, RequestEnd::WrongInvitation);
        let reason = "it showed a wrong invitation".to_owned();
        self.emit(Event::PeerRefused { address: remote.to_string(), reason });
    }

    /// Tells the program who was let in or removed between two states of the lists.
    pub(crate) fn tell_decisions(&mut self, before: &TrustView) {
        if self.config.cameras.is_empty() || before.sealed || self.config.trust.sealed {
            return;
        }
        let now = &self.config.trust;
        let allowed = now.watchers.iter().filter(|(device, _)| !before.admits(**device));
        let denied = now.denied.iter().filter(|(device, _)| !before.denied.contains_key(device));
        let decided = |allow| {
            move |(device, name): (&DeviceId, &String)| Event::AccessDecided {
                viewer: *device,
                name: name.clone(),
                allow,
            }
        };
        let news: Vec<Event> =
            allowed.map(decided(true)).chain(denied.map(decided(false))).collect();
        news.into_iter().for_each(|event| self.emit(event));
    }
}
