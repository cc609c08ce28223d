//! Every size and rate limit, in one place.
//!
//! What comes from the network is refused, with its reason, one past these values. Durations are
//! [`Duration`]s; sizes are bytes unless the name says otherwise.

use std::time::Duration;

// Sockets before they have proved anything.

/// TLS, WebSocket handshake and first message must be done within this.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
/// Sockets in their handshake at once, in all.
pub const HANDSHAKES_MAX: usize = 32;
/// Of those, kept free for devices that may watch here, and for cameras that are watched.
pub const HANDSHAKES_RESERVED: usize = 8;
/// Sockets in their handshake from one address (IPv6 of unknown devices, link-local apart: one /64).
pub const HANDSHAKES_PER_ADDRESS_MAX: usize = 16;
/// The first signaling message.
pub const FIRST_MESSAGE_BYTES_MAX: usize = 8 * 1024;
/// The request head of the WebSocket handshake.
pub const HEADER_BYTES_MAX: usize = 8 * 1024;

// Links.

/// One signaling message.
pub const MESSAGE_BYTES_MAX: usize = 64 * 1024;
/// Messages that may arrive at once on a link.
pub const MESSAGE_BURST_MAX: u32 = 200;
/// Messages a second after the burst.
pub const MESSAGES_PER_SECOND_MAX: u32 = 50;
/// A link on which nothing arrives for this long is closed.
pub const LINK_IDLE_TIMEOUT: Duration = Duration::from_secs(15);
/// A ping is sent this often.
pub const PING_INTERVAL: Duration = Duration::from_secs(1);
/// A link whose pings are not answered for this long is closed.
pub const PING_TIMEOUT: Duration = Duration::from_millis(2500);
/// Messages waiting to be written to one link; a full queue closes the link.
pub const LINK_QUEUE_MAX: usize = 256;
/// Links of devices that nobody has let in here.
pub const UNKNOWN_LINKS_MAX: usize = 16;
/// The same at a camera that is open to everyone.
pub const OPEN_LINKS_MAX: usize = 64;

// SDP and ICE.

/// One session description.
pub const SDP_BYTES_MAX: usize = 32 * 1024;
/// `m=` lines of one session description.
pub const SDP_MEDIA_MAX: usize = 4;
/// Candidates taken from one peer in one session.
pub const CANDIDATES_MAX: usize = 32;
/// One candidate line.
pub const CANDIDATE_BYTES_MAX: usize = 512;

// Discovery.

/// A whole TXT record (RFC 6763 section 6.2 recommends 400 as the reliable maximum).
pub const TXT_BYTES_MAX: usize = 400;
/// A friendly name, in bytes of UTF-8.
pub const NAME_BYTES_MAX: usize = 64;
/// Cameras listed at once.
pub const CAMERAS_MAX: usize = 200;
/// Nodes listed at once.
pub const NODES_MAX: usize = 400;
/// Service instances believed of one address.
pub const INSTANCES_PER_ADDRESS_MAX: usize = 64;
/// Ports below this are not dialed.
pub const PORT_MIN: u16 = 1024;
/// Addresses kept of one node.
pub const ADDRESSES_PER_NODE_MAX: usize = 16;
/// Nodes whose addresses are remembered from start to start.
pub const KNOWN_NODES_MAX: usize = 64;
/// Nodes that one camera may tell of.
pub const TOLD_NODES_MAX: usize = 32;
/// Dial attempts under way at once.
pub const DIALS_MAX: usize = 24;
/// Links of one device: its programs that run at the same time.
pub const LINKS_PER_DEVICE_MAX: usize = 32;
/// Links of one device that may not watch here.
pub const UNKNOWN_LINKS_PER_DEVICE_MAX: usize = 4;
/// Cameras of one node.
pub const CAMERAS_PER_NODE_MAX: usize = 64;

// Sessions.

/// Viewers of one camera.
pub const VIEWERS_PER_CAMERA_MAX: usize = 32;
/// Cameras that one viewer watches at once.
pub const CAMERAS_PER_VIEWER_MAX: usize = 64;
/// Devices that wait for leave at one camera.
pub const WAITING_MAX: usize = 8;
/// How long each of them waits for an answer. Its place is taken that long even if it goes away, so
/// that nobody can try codes one after the other.
pub const WAITING_TIME: Duration = Duration::from_secs(600);
/// Codes that one device may agree on while it waits; and that a viewer agrees on with one device,
/// however many cameras that pretends to be, in [`WAITING_TIME`].
pub const WAITING_CODES_MAX: u32 = 3;
/// Codes that a viewer agrees on with all cameras in [`WAITING_TIME`]: one for each that it can
/// watch. Each is one guess for somebody in between.
pub const CODES_PER_VIEWER_MAX: usize = 64;
/// A device that asked has to agree on its code within this, or its place is free again.
pub const CODE_TIMEOUT: Duration = Duration::from_secs(10);
/// Invitations to the cameras of others that a home keeps, and shows one camera.
pub const INVITATIONS_MAX: usize = 8;
/// Wrong invitations from one address before it has to wait between tries.
pub const WRONG_INVITATIONS_FREE: u32 = 5;
/// The longest such wait; it doubles from one second on.
pub const WRONG_INVITATION_DELAY_MAX: Duration = Duration::from_secs(300);
/// Removed devices that a viewer keeps in mind for cameras that are off.
pub const REMOVALS_MAX: usize = 1024;
/// People watching that a camera tells its owner of in one message.
pub const TOLD_WATCHERS_MAX: usize = 64;
/// Sessions that one device may begin at once; each costs a peer connection.
pub const OFFER_BURST_MAX: u32 = 16;
/// After the burst, it may begin another one this often.
pub const OFFER_INTERVAL: Duration = Duration::from_millis(500);
/// A session outlives its link by this, while frames arrive.
pub const SESSION_RESUME: Duration = Duration::from_secs(10);

// H.264 from the network.

/// Wider pictures are refused before they are decoded.
pub const PICTURE_WIDTH_MAX: u32 = 3840;
/// Higher pictures are refused before they are decoded.
pub const PICTURE_HEIGHT_MAX: u32 = 2160;
/// One access unit.
pub const ACCESS_UNIT_BYTES_MAX: usize = 4 * 1024 * 1024;
/// What one stream's packets may hold for certain until they make an access unit, in bytes.
pub const REASSEMBLY_BYTES_OWN: usize = 1024 * 1024;
/// What those of all streams of a node may hold beyond that.
pub const REASSEMBLY_BYTES_SHARED: usize = 32 * 1024 * 1024;
/// NAL units of one access unit: 4K in slices of one packet each needs some 300. The decoder keeps a
/// few kilobytes for each, and its time grows with their square: 20,000 took it 52 s.
pub const NAL_UNITS_PER_ACCESS_UNIT_MAX: usize = 512;
/// What a stream's decoder may hold for certain, in macroblocks (16×16 pixels): those of one picture
/// times the sum of [`DECODER_PICTURES`] and its reference pictures. This is 720p with one reference
/// picture, which measures 15 MiB.
pub const DECODER_MACROBLOCKS_OWN: usize = 9 * 3600;
/// What all decoders of a node may hold beyond that, in macroblocks: enough to make 16 of them 1080p
/// and one 4K. With 64 of the greediest streams all of this measures under 2 GiB.
pub const DECODER_MACROBLOCKS_SHARED: usize = 256 * 3600;
/// What a decoder holds besides the reference pictures, in pictures of the same size: the one being
/// decoded, working memory, and pictures on their way to the window.
pub const DECODER_PICTURES: usize = 8;

// Encoding.

/// Keyframe requests within this after a keyframe are merged and served together.
pub const KEYFRAME_SPACING: Duration = Duration::from_millis(200);

// Queues of one node.

/// Encoded units waiting in one viewer's session; past this, drop to the next keyframe.
pub const ENCODED_QUEUE_MAX: usize = 30;
/// Inputs waiting for the node loop.
pub const INPUT_QUEUE_MAX: usize = 4096;

// Ports (contract).

/// Signaling listens on the first free of these.
pub const SIGNALING_PORTS: std::ops::RangeInclusive<u16> = 17470..=17479;
/// The page for phones is served on the first free of these.
pub const WEB_PORTS: std::ops::RangeInclusive<u16> = 17443..=17452;
/// Media binds the first free of these.
pub const MEDIA_PORTS: std::ops::RangeInclusive<u16> = 17480..=17579;

/// Phones and encoders that publish through one node at a time.
pub const PHONES_MAX: usize = 16;

// The page for phones.

/// A token in a QR code is good for this long, once.
pub const PHONE_TOKEN_TIME: Duration = Duration::from_secs(300);
/// Tokens kept, used and expired ones too; the oldest of those make way first.
pub const PHONE_TOKENS_MAX: usize = 64;
/// Phones and encoders that may come in; one more is refused.
pub const CREDENTIALS_MAX: usize = 256;
/// A phone that did not come for this long is forgotten. (An encoder's token lasts.)
pub const PHONE_IDLE: Duration = Duration::from_secs(90 * 24 * 3600);
/// The body of a request that is no session description.
pub const JSON_BYTES_MAX: usize = 4 * 1024;
/// A request's body must have come within this after its head.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(5);
/// A client that takes nothing of what is written to it for this long is cut off.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// Connections to the page at once, in all.
pub const WEB_SOCKETS_MAX: usize = 256;
/// Of those, such as showed no credential yet.
pub const VISITORS_MAX: usize = 192;
/// And of those, kept free for addresses that somebody showed a credential from.
pub const VISITORS_RESERVED: usize = 32;
/// Visitors from one address (IPv6, where nobody showed a credential: a /64; link-local apart).
pub const VISITORS_PER_ADDRESS_MAX: usize = 32;
/// Connections that one credential is shown on at once.
pub const SOCKETS_PER_CREDENTIAL_MAX: usize = 16;
/// Streams of events that one credential reads at once; one more ends the oldest.
pub const STREAMS_PER_CREDENTIAL_MAX: usize = 4;
/// Wrong tokens from one address before it is told to wait.
pub const WRONG_TOKENS_FREE: u32 = 5;
/// The longest such wait; it doubles from one second on.
pub const WRONG_TOKEN_DELAY_MAX: Duration = Duration::from_secs(300);
/// Addresses whose wrong tokens are counted; the oldest makes way.
pub const WRONG_TOKEN_ADDRESSES_MAX: usize = 256;

/// A camera that was watched and is gone keeps its tile, greyed, for this long.
pub const OFFLINE_KEPT: Duration = Duration::from_secs(600);

/// Access units of one stream waiting for a decoder; past this, drop to the next keyframe.
pub const DECODE_QUEUE_MAX: usize = 8;
/// Their bytes: one of the largest, or [`DECODE_QUEUE_MAX`] of half a megabyte.
pub const DECODE_QUEUE_BYTES_MAX: usize = ACCESS_UNIT_BYTES_MAX;
/// Of those bytes, kept for each stream for certain.
pub const DECODE_QUEUE_BYTES_OWN: usize = 1024 * 1024;
/// What the queues of all streams of a node may hold beyond that.
pub const DECODE_QUEUE_BYTES_SHARED: usize = 32 * 1024 * 1024;
/// Commands waiting for one media session; a full queue closes the session.
pub const SESSION_QUEUE_MAX: usize = 64;
/// Events waiting for a program that is slow to print them; the oldest are dropped, and it is told.
pub const EVENT_QUEUE_MAX: usize = 1024;
