//! Somebody between a viewer and a camera, with keys of his own.
//!
//! He lets the viewer dial him as if he were the camera, and dials the camera as if he were the
//! viewer. TLS ends at him on both sides, so he reads everything and says what he likes; ids are the
//! one thing that he has to exchange, because each side's certificate proves his.

use std::net::{Shutdown, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use lanlens_model::{CameraId, DeviceId, NodeId};
use lanlens_testkit::Host;
use rustls::{ServerConnection, StreamOwned};
use serde_json::{Value, json};

use crate::peer::{Key, PATIENCE, Peer};
use crate::tls::{self, Tls};

/// Between two looks at a socket.
const LOOK: Duration = Duration::from_millis(5);

/// A camera that is none: it listens, and waits for a viewer.
#[derive(Debug)]
pub struct Trap {
    listener: TcpListener,
    /// Where it listens.
    pub address: SocketAddr,
    /// Whose camera it says to be.
    pub key: Key,
}

impl Trap {
    /// Listens on a host.
    ///
    /// # Errors
    /// When that cannot be.
    pub fn set(host: &Host) -> Result<Self> {
        let listener = host.within(|| TcpListener::bind((host.address(), 0)))??;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address, key: Key::new()? })
    }

    /// The camera that it says to have.
    pub fn camera(&self) -> CameraId {
        CameraId::new(self.key.device, "camera-0")
    }

    fn node(&self) -> NodeId {
        NodeId::new(self.key.device, "camera-0")
    }

    /// The next viewer that dials and greets, and its greeting.
    ///
    /// # Errors
    /// When none does within `limit`.
    pub fn accept(&self, limit: Duration) -> Result<(Peer, Value)> {
        let end = Instant::now() + limit;
        loop {
            if let Ok((tcp, _)) = self.listener.accept() {
                tcp.set_nonblocking(false)?;
                tcp.set_read_timeout(Some(PATIENCE))?;
                tcp.set_write_timeout(Some(PATIENCE))?;
                tcp.set_nodelay(true)?;
                let server = ServerConnection::new(Arc::new(tls::server(&self.key)?))?;
                let stream = Tls::Server(StreamOwned::new(server, tcp));
                let socket = tungstenite::accept(stream).context("a viewer's WebSocket")?;
                let mut viewer = Peer { socket };
                let hello = viewer.receive()?;
                ensure!(hello["type"] == "hello", "expected a hello, got {hello}");
                return Ok((viewer, hello));
            }
            ensure!(Instant::now() < end, "nobody dialed within {limit:?}");
            std::thread::sleep(LOOK);
        }
    }

    /// A camera's greeting of this name.
    pub fn welcome(&self, name: &str, access: &str) -> Value {
        json!({ "type": "welcome", "v": 1, "device": self.key.device, "node": self.node(),
                "role": "camera", "epoch": 1, "name": name,
                "cameras": [{ "id": self.camera(), "name": name }], "access": access })
    }
}

/// Both connections of the man in the middle.
#[derive(Debug)]
pub struct Middle {
    /// Where he plays the camera.
    pub viewer: Peer,
    /// Where he plays the viewer.
    pub camera: Peer,
    /// Who the viewer proved to be.
    pub victim: DeviceId,
    /// Ids that he exchanges on the way, in this order: each with what comes in its place.
    to_camera: Vec<(String, String)>,
    to_viewer: Vec<(String, String)>,
    /// What he read: whether the viewer said it, and what.
    pub read: Vec<(bool, Value)>,
}

impl Middle {
    /// Between the viewer that dials `trap` next and the camera at `to`, from this host. The real
    /// camera's greeting reaches the viewer with the trap's ids.
    ///
    /// # Errors
    /// When one of the two does not greet.
    pub fn between(trap: &Trap, host: &Host, to: SocketAddr, limit: Duration) -> Result<Self> {
        let (viewer, hello) = trap.accept(limit)?;
        let mut camera = Peer::connect(host, to, Some(&trap.key))?;
        camera.say(&trap.key.hello())?;
        let welcome = camera.receive()?;
        ensure!(welcome["type"] == "welcome", "expected a welcome, got {welcome}");

        let id = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let own = trap.key.device.to_string();
        let (as_viewer, as_camera) = (id(&trap.key.hello()["node"]), trap.node().to_string());
        let own_camera = trap.camera().to_string();
        let (device, node) = (id(&welcome["device"]), id(&welcome["node"]));
        let camera_id = id(&welcome["cameras"][0]["id"]);
        let (victim, victim_node) = (id(&hello["device"]), id(&hello["node"]));
        let mut middle = Self {
            viewer,
            camera,
            victim: victim.parse()?,
            // His own device comes first: it stands for one side and then for the other.
            to_camera: vec![
                (own.clone(), device.clone()),
                (as_camera.clone(), node.clone()),
                (own_camera.clone(), camera_id.clone()),
                (victim_node.clone(), as_viewer.clone()),
                (victim.clone(), own.clone()),
            ],
            to_viewer: vec![
                (own.clone(), victim),
                (as_viewer, victim_node),
                (node, as_camera),
                (camera_id, own_camera),
                (device, own),
            ],
            read: vec![(true, hello)],
        };
        let welcome = middle.as_the_camera(&welcome)?;
        middle.viewer.say(&welcome)?;
        Ok(middle)
    }

    /// What the camera said, with the trap's ids.
    fn as_the_camera(&self, message: &Value) -> Result<Value> {
        exchanged(message, &self.to_viewer)
    }

    /// What the viewer said, with the ids that the camera knows.
    fn as_the_viewer(&self, message: &Value) -> Result<Value> {
        exchanged(message, &self.to_camera)
    }

    /// Passes everything on in both directions until `done`.
    ///
    /// # Errors
    /// When it is not within `limit`, or a connection ends.
    pub fn relay(&mut self, limit: Duration, mut done: impl FnMut(&Self) -> bool) -> Result<()> {
        let end = Instant::now() + limit;
        while !done(self) {
            if Instant::now() >= end {
                bail!("not within {limit:?}; what passed: {:?}", self.read);
            }
            if let Some(message) = self.viewer.hear(LOOK)? {
                let passed = self.as_the_viewer(&message)?;
                self.read.push((true, message));
                self.camera.say(&passed)?;
            }
            if let Some(message) = self.camera.hear(LOOK)? {
                let passed = self.as_the_camera(&message)?;
                self.read.push((false, message));
                self.viewer.say(&passed)?;
            }
        }
        Ok(())
    }

    /// Ends the viewer's connection, and greets it under the same ids when it dials again.
    ///
    /// # Errors
    /// When it does not within `limit`.
    pub fn hang_up_on_the_viewer(&mut self, trap: &Trap, limit: Duration) -> Result<()> {
        self.viewer.stay(Duration::from_millis(100))?;
        self.viewer.socket.get_ref().tcp().shutdown(Shutdown::Both)?;
        (self.viewer, _) = trap.accept(limit)?;
        self.viewer.say(&trap.welcome("Kitchen", "pending"))
    }

    /// Keeps both connections alive while `work` is done on another thread.
    ///
    /// # Errors
    /// When a connection ends.
    pub fn meanwhile<T: Send>(&mut self, work: impl FnOnce() -> T + Send) -> Result<T> {
        std::thread::scope(|scope| {
            let name = std::thread::Builder::new().name("meanwhile".to_owned());
            let worker = name.spawn_scoped(scope, work)?;
            while !worker.is_finished() {
                self.viewer.stay(LOOK)?;
                self.camera.stay(LOOK)?;
            }
            worker.join().map_err(|_| anyhow::anyhow!("the work panicked"))
        })
    }

    /// A message of this type that one side said.
    ///
    /// # Errors
    /// When it said none.
    pub fn said(&self, by_viewer: bool, kind: &str) -> Result<&Value> {
        let mut said = self.read.iter().filter(|(by, _)| *by == by_viewer);
        let found = said.find(|(_, message)| message["type"] == kind);
        found.map(|(_, message)| message).with_context(|| format!("nobody said `{kind}`"))
    }
}

fn exchanged(message: &Value, ids: &[(String, String)]) -> Result<Value> {
    let text = ids.iter().fold(message.to_string(), |text, (from, to)| text.replace(from, to));
    Ok(serde_json::from_str(&text)?)
}
