//! The faults that a soak knows.

use fastrand::Rng;
use lanlens_testkit::Traffic;

use super::house::House;

/// Something that happens to a member of the house.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fault {
    /// Whose number.
    pub(crate) member: usize,
    pub(crate) kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// SIGKILL; started again at the end.
    Kill,
    /// SIGTERM; started again at the end.
    Close,
    /// SIGSTOP, as a computer sleeps.
    Freeze,
    /// Its cable is out.
    Unplug,
    /// Another address, for good.
    Move,
    /// Packets of a kind are swallowed.
    Cut(Traffic),
    /// 30 % of multicast gets lost.
    LoseMulticast,
    /// An interface that leads elsewhere.
    Vpn,
}

const KINDS: [Kind; 11] = [
    Kind::Kill,
    Kind::Close,
    Kind::Freeze,
    Kind::Unplug,
    Kind::Move,
    Kind::Cut(Traffic::All),
    Kind::Cut(Traffic::Media),
    Kind::Cut(Traffic::Signaling),
    Kind::Cut(Traffic::Multicast),
    Kind::LoseMulticast,
    Kind::Vpn,
];

impl Fault {
    /// Any fault for any member that may have it.
    pub(crate) fn random(rng: &mut Rng, house: &House) -> Self {
        loop {
            let (member, kind) =
                (rng.usize(0..house.members.len()), KINDS[rng.usize(0..KINDS.len())]);
            let fault = Self { member, kind };
            if !(house.members[member].steady && fault.ends_program()) {
                return fault;
            }
        }
    }

    /// Whether the program does not live through it.
    pub(crate) fn ends_program(self) -> bool {
        matches!(self.kind, Kind::Kill | Kind::Close)
    }

    /// Whether a viewer that has it can say nothing meanwhile.
    pub(crate) fn silences(self) -> bool {
        self.ends_program() || self.kind == Kind::Freeze
    }

    /// Whether, while it lasts, no picture can pass between this member and others.
    pub(crate) fn stops_pictures(self) -> bool {
        self.silences()
            || matches!(self.kind, Kind::Unplug | Kind::Cut(Traffic::All | Traffic::Media))
    }
}
