//! Links as tasks: dialing, running, and the way to each one's queue.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use lanlens_discovery::interfaces;
use lanlens_identity::Identity;
use lanlens_mesh::{DialFailure, DialId, LinkEnd, LinkId, LinkInput};
use lanlens_model::limits::LINK_QUEUE_MAX;
use lanlens_model::{DeviceId, is_on_local_network};
use lanlens_protocol::Message;
use lanlens_signaling::{CloseReason, DialError, Link, LinkEvent, dial};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::input::Input;
use crate::network::NetworkNews;
use crate::screens::{Clock, Clocks};

/// Over all addresses of a peer.
const DIAL_TIMEOUT: Duration = Duration::from_secs(3);
/// Events of one link waiting to be passed on.
const LINK_EVENTS_MAX: usize = 32;

/// Every open link's queue, and what new ones need.
pub(crate) struct Links {
    identity: Identity,
    clocks: Arc<Clocks>,
    inputs: mpsc::Sender<Input>,
    tasks: TaskTracker,
    cancel: CancellationToken,
    open: HashMap<LinkId, Open>,
    last: u64,
}

struct Open {
    local: IpAddr,
    outgoing: mpsc::Sender<Message>,
    cancel: CancellationToken,
}

impl Links {
    pub(crate) fn new(
        identity: Identity,
        clocks: Arc<Clocks>,
        inputs: mpsc::Sender<Input>,
        tasks: TaskTracker,
        cancel: CancellationToken,
    ) -> Self {
        Self { identity, clocks, inputs, tasks, cancel, open: HashMap::new(), last: 0 }
    }

    /// Races the addresses in a task of its own. Announced ones only on the local network: anyone
    /// can announce anything.
    pub(crate) fn dial(
        &self,
        attempt: DialId,
        mut addresses: Vec<SocketAddr>,
        expect: Option<DeviceId>,
    ) {
        if expect.is_some() {
            let local = local_ips();
            addresses.retain(|address| is_on_local_network(address.ip(), &local));
        }
        let (identity, inputs) = (self.identity.clone(), self.inputs.clone());
        let cancel = self.cancel.clone();
        self.tasks.spawn(async move {
            let work = async {
                let input = match dial(&identity, &addresses, expect, DIAL_TIMEOUT).await {
                    Ok(link) => Input::Dialed(attempt, link),
                    Err(error) => {
                        tracing::debug!(%error, "dial failed");
                        let failure = failure(&error);
                        Input::Link(LinkInput::DialFailed { dial: attempt, failure })
                    }
                };
                let _ = inputs.send(input).await;
            };
            let _ = cancel.run_until_cancelled(work).await;
        });
    }

    /// Runs a link in a task of its own; gives its name.
    pub(crate) fn run(&mut self, link: Link) -> LinkId {
        self.last += 1;
        let id = LinkId(self.last);
        let (outgoing, queue) = mpsc::channel(LINK_QUEUE_MAX);
        let cancel = self.cancel.child_token();
        let local = link.local.ip().to_canonical();
        self.open.insert(id, Open { local, outgoing, cancel: cancel.clone() });
        let (events, received) = mpsc::channel(LINK_EVENTS_MAX);
        let (inputs, clocks, device) = (self.inputs.clone(), Arc::clone(&self.clocks), link.device);
        self.tasks.spawn(async move {
            tokio::join!(
                link.run(queue, events, cancel),
                pass_on(id, device, received, inputs, clocks)
            );
        });
        id
    }

    /// Queues a message; a link whose queue is full is closed.
    pub(crate) fn send(&mut self, id: LinkId, message: Message) {
        let Some(open) = self.open.get(&id) else { return };
        if let Err(mpsc::error::TrySendError::Full(_)) = open.outgoing.try_send(message) {
            tracing::warn!("a peer does not read what it is sent; closing its link");
            open.cancel.cancel();
        }
    }

    /// Ends the links that the news ends: nothing would tell them, and their pings would go on for
    /// seconds. Gives their names.
    pub(crate) fn end_lost(&mut self, news: &NetworkNews) -> Vec<LinkId> {
        let ended = self.open.extract_if(|_, open| news.slept || news.ends(open.local));
        ended.inspect(|(_, open)| open.cancel.cancel()).map(|(id, _)| id).collect()
    }

    /// Sends what is queued, then ends the link.
    pub(crate) fn close(&mut self, id: LinkId) {
        self.open.remove(&id);
    }
}

/// Whether a peer may be talked to that has dialed us from there.
pub(crate) fn may_dial_in(remote: SocketAddr) -> bool {
    is_on_local_network(remote.ip().to_canonical(), &local_ips())
}

/// This machine's own addresses, loopback too: programs of one machine talk to each other.
fn local_ips() -> Vec<IpAddr> {
    let listed = interfaces::local_addresses(&[]).unwrap_or_default();
    let loopback = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
    listed.into_iter().map(|address| address.ip).chain(loopback).collect()
}

async fn pass_on(
    link: LinkId,
    device: DeviceId,
    mut events: mpsc::Receiver<LinkEvent>,
    inputs: mpsc::Sender<Input>,
    clocks: Arc<Clocks>,
) {
    while let Some(event) = events.recv().await {
        let input = match event {
            LinkEvent::Message(message) => LinkInput::Message { link, message },
            LinkEvent::Clock { offset_us, rtt, known } => {
                clocks.set(device, Clock { offset_us, rtt, known });
                continue;
            }
            LinkEvent::Closed(reason) => {
                let text = reason.text().to_owned();
                let end = match reason {
                    CloseReason::Refused(_) => LinkEnd::Refused(text),
                    _ => LinkEnd::Lost(text),
                };
                LinkInput::Closed { link, end }
            }
        };
        if inputs.send(Input::Link(input)).await.is_err() {
            return;
        }
    }
}

fn failure(error: &DialError) -> DialFailure {
    match error.wrong_keys().next() {
        Some((address, _)) => DialFailure::WrongDevice { address },
        None => DialFailure::Unreachable(error.to_string()),
    }
}
