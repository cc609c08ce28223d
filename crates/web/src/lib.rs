//! The page that makes a phone a camera, and the standard door behind it: HTTPS and WHIP (RFC 9725).
//!
//! Owns what is HTTP: TLS, hosts and origins, tokens, status codes and headers, and the page's own
//! files. What a session is, and what becomes of its pictures, is behind [`Stage`]: this crate knows
//! nothing of WebRTC, nodes or viewers.
//!
//! ```text
//! TCP ─▶ Door ─▶ TLS ─▶ head ─▶ guard (Host, Origin) ─▶ guest (Bearer) ─▶ routes ─▶ scope ─▶ Stage
//!        full    5 s    8 KiB   403                     429               404, 405  401, 403
//! ```
//!
//! Every refusal is a problem document (RFC 9457) with words for people; a browser that navigates gets
//! it as a page. No token or credential is ever logged.

mod addresses;
mod api;
mod app;
mod assets;
mod body;
mod connection;
mod door;
mod events;
mod guard;
mod guest;
mod hosts;
mod listen;
mod pages;
mod plain;
mod problem;
mod rates;
mod routes;
mod sessions;
mod stage;
mod streams;
mod tries;
mod web;
mod whip;
mod write_limit;

pub use listen::serves;
pub use stage::{Answered, PageReport, PageState, Refusal, Restarted, SessionKey, Stage, Viewer};
pub use web::{AddressSource, Web, WebConfig, WebError};
