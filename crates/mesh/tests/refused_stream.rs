//! What a camera sends may not be decodable here: the person who watches reads why.

mod common;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use common::{channel, device, greeting};
use lanlens_mesh::{Action, LinkId, LinkInput, Mesh, SessionHandle, SessionInput};
use lanlens_model::{
    Access, CameraId, Command, Event, LostReason, NodeId, Role, Selection, TileState,
};
use lanlens_protocol::{Greeting, Message, OfferedCamera, Secret};

const WHY: &str = "too many large pictures are decoded here already";

/// A viewer, and the camera that has greeted it.
struct Watching {
    mesh: Mesh,
    now: Instant,
    camera: CameraId,
}

impl Watching {
    #[allow(clippy::disallowed_methods, reason = "a test needs a first instant")]
    fn new() -> Self {
        let (viewer, theirs, now) = (device("viewer"), device("camera"), Instant::now());
        let config = common::viewer(NodeId::new(viewer, "screen"));
        let mut mesh = Mesh::new(config, 1, Secret::new([1; 32]), now);
        mesh.handle_command(Command::Watch(Selection::All), now);
        let (link, camera) = (LinkId(1), CameraId::new(theirs, "pattern"));
        let remote = SocketAddr::from(([10, 0, 0, 9], 40_000));
        let opened =
            LinkInput::Opened { link, device: theirs, remote, dial: None, channel: channel(link) };
        mesh.handle_link(opened, now);
        let hello = Greeting {
            role: Role::Camera,
            cameras: vec![OfferedCamera { id: camera, name: "Nursery".into() }],
            access: Some(Access::Granted),
            ..greeting(theirs, "pattern")
        };
        mesh.handle_link(LinkInput::Message { link, message: Message::Hello(hello) }, now);
        Self { mesh, now, camera }
    }

    fn drain(&mut self) -> Vec<Action> {
        std::iter::from_fn(|| self.mesh.poll_action()).collect()
    }

    fn opened(&mut self) -> Option<SessionHandle> {
        self.drain().into_iter().find_map(|action| match action {
            Action::OpenSubscriber { handle, .. } => Some(handle),
            _ => None,
        })
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(due) = self.mesh.poll_timeout().filter(|due| *due <= end) {
            self.now = due.max(self.now);
            self.mesh.handle_timeout(self.now);
            if self.now == end {
                break;
            }
        }
        self.now = end;
    }
}

#[test]
fn a_stream_that_is_not_decoded_here_says_why_on_its_tile_and_is_tried_again() {
    let mut viewer = Watching::new();
    let handle = viewer.opened().expect("it watches what it finds");
    let refused = SessionInput::Refused { reason: WHY.into() };
    viewer.mesh.handle_session(handle, refused, viewer.now);

    let reason = LostReason::Refused(WHY.into());
    let actions = viewer.drain();
    assert!(actions.contains(&Action::CloseSession { handle }), "{actions:?}");
    let lost = Event::Lost { camera: viewer.camera, reason: reason.clone() };
    assert!(actions.contains(&Action::Emit(lost)), "{actions:?}");
    let tile = viewer.mesh.snapshot().cameras[&viewer.camera].state.clone();
    assert_eq!(tile, TileState::Lost(reason));

    // There may be room later.
    assert_eq!(viewer.opened(), None, "but not at once");
    let again = (0..60).any(|_| {
        viewer.pass(Duration::from_millis(100));
        viewer.opened().is_some()
    });
    assert!(again);
}
