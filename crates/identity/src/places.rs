//! Where cameras were last reached, so that they are found again where multicast is blocked.
//!
//! A convenience and no more: whoever is dialed there must prove its key, and a file that cannot be
//! read is as good as none. The newest stand first; the oldest make way.

use std::net::SocketAddr;

use lanlens_model::limits::{ADDRESSES_PER_NODE_MAX, KNOWN_NODES_MAX, PORT_MIN};
use lanlens_model::{KnownNode, NodeId};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{Home, files};

const FILE: &str = "places.json";
const LOCK: &str = "places.lock";
const VERSION: u32 = 1;
/// Far more than so many nodes take.
const BYTES_MAX: u64 = 256 * 1024;

/// A place could not be written down. Nothing depends on it but the next start.
#[derive(Debug, Error)]
#[error("cannot remember where cameras are ({0}); make the home folder writable")]
pub struct PlacesError(#[from] std::io::Error);

#[derive(Debug, Default, Serialize, Deserialize)]
struct Places {
    v: u32,
    nodes: Vec<Place>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Place {
    node: NodeId,
    addresses: Vec<SocketAddr>,
}

/// Every node that is remembered, the one that was reached last first. Empty where the file is
/// missing, damaged, or of a later version.
pub fn known_nodes(home: &Home) -> Vec<KnownNode> {
    read(home).nodes.into_iter().filter_map(believable).collect()
}

/// Puts a node first, with these addresses in place of those before.
///
/// # Errors
/// See [`PlacesError`].
pub fn remember_node(home: &Home, known: &KnownNode) -> Result<(), PlacesError> {
    let _lock = files::lock(&home.file(LOCK))?;
    let mut places = read(home);
    places.nodes.retain(|place| place.node != known.node);
    let addresses = known.addresses.iter().copied().take(ADDRESSES_PER_NODE_MAX).collect();
    places.nodes.insert(0, Place { node: known.node, addresses });
    places.nodes.truncate(KNOWN_NODES_MAX);
    places.v = VERSION;
    let text = serde_json::to_vec_pretty(&places).map_err(std::io::Error::other)?;
    Ok(files::replace(&home.file(FILE), &text)?)
}

fn read(home: &Home) -> Places {
    let content = match files::read(&home.file(FILE), BYTES_MAX) {
        Ok(content) => content.unwrap_or_default(),
        Err(error) => {
            tracing::debug!(%error, "remembered places cannot be read");
            Vec::new()
        }
    };
    let mut places: Places = serde_json::from_slice(&content).unwrap_or_default();
    if places.v != VERSION {
        places.nodes.clear();
    }
    places.nodes.truncate(KNOWN_NODES_MAX);
    places
}

fn believable(place: Place) -> Option<KnownNode> {
    let addresses: Vec<SocketAddr> = place
        .addresses
        .into_iter()
        .filter(|address| address.port() >= PORT_MIN)
        .take(ADDRESSES_PER_NODE_MAX)
        .collect();
    (!addresses.is_empty()).then_some(KnownNode { node: place.node, addresses })
}

#[cfg(test)]
mod tests {
    use lanlens_model::DeviceId;

    use super::*;

    fn home() -> (tempfile::TempDir, Home) {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::open(folder.path()).unwrap();
        (folder, home)
    }

    fn known(n: u8, port: u16) -> KnownNode {
        let node = NodeId::new(DeviceId::from_bytes([n; 16]), "camera");
        KnownNode { node, addresses: vec![([10, 0, 0, n], port).into()] }
    }

    #[test]
    fn who_was_reached_last_comes_first_and_nobody_comes_twice() {
        let (_folder, home) = home();
        assert_eq!(known_nodes(&home), []);
        for node in [known(1, 17470), known(2, 17470), known(1, 17471)] {
            remember_node(&home, &node).unwrap();
        }
        assert_eq!(known_nodes(&home), [known(1, 17471), known(2, 17470)]);
    }

    #[test]
    fn one_past_the_limit_forgets_the_oldest() {
        let (_folder, home) = home();
        for n in 0..=KNOWN_NODES_MAX as u8 {
            remember_node(&home, &known(n, 17470)).unwrap();
        }
        let nodes = known_nodes(&home);
        assert_eq!(nodes.len(), KNOWN_NODES_MAX);
        assert!(!nodes.contains(&known(0, 17470)));
    }

    #[test]
    fn a_damaged_file_is_no_memory_and_is_written_anew() {
        let (_folder, home) = home();
        for content in ["", "{", "[]", r#"{"v":2,"nodes":[]}"#, r#"{"v":1,"nodes":[{"node":7}]}"#] {
            std::fs::write(home.file(FILE), content).unwrap();
            assert_eq!(known_nodes(&home), [], "{content}");
        }
        remember_node(&home, &known(3, 17470)).unwrap();
        assert_eq!(known_nodes(&home), [known(3, 17470)]);
    }

    #[test]
    fn a_place_that_must_not_be_dialed_is_left_out() {
        let (_folder, home) = home();
        remember_node(&home, &known(4, 22)).unwrap();
        assert_eq!(known_nodes(&home), []);
    }
}
