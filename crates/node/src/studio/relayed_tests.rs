//! A relayed camera with units of a real encoder: who gets what, what is asked of whoever films, and what
//! starts and ends.

use std::sync::atomic::AtomicUsize;

use bytes::Bytes;
use lanlens_codec::{EncoderConfig, H264Encoder};
use lanlens_media::h264::{NalKind, Sps, nal_kind, nal_units, parameter_sets, push_nal};
use lanlens_media::{CaptureTime, Encoder, FramePool, pattern};
use lanlens_model::AccessMode;
use lanlens_model::limits::DECODE_QUEUE_MAX;

use super::*;
use crate::relay::{Demand, Relay};

/// Generous: the machine may be busy, and a test that waits this long fails anyway.
const PATIENCE: Duration = Duration::from_secs(20);
const MOMENT: Duration = Duration::from_millis(10);

type Told = Arc<Mutex<Vec<Option<String>>>>;

fn studio() -> (Studio, Relay, Told) {
    let (relay, told) = (Relay::new(), Told::default());
    let config = CameraConfig::relayed(relay.clone(), "phone 1".to_owned(), AccessMode::Open);
    let heard = Arc::clone(&told);
    let tell = move |trouble: Option<Trouble>| {
        lock(&heard).push(trouble.map(|trouble| trouble.for_viewers.into_owned()));
    };
    (Studio::new(config, 0, Arc::new(tell)), relay, told)
}

/// A phone's encoder.
struct Phone {
    encoder: H264Encoder,
    pool: FramePool,
    size: (u32, u32),
    number: u64,
}

impl Phone {
    fn new(size: (u32, u32)) -> Self {
        // Not the layer that it will be: whoever films does not know of any.
        let config = EncoderConfig { layer: Layer::Low, bitrate_kbps: 1000, fps: 30 };
        Self { encoder: H264Encoder::new(config), pool: FramePool::new(), size, number: 0 }
    }

    fn film(&mut self, keyframe: bool) -> EncodedUnit {
        self.number += 1;
        let mut frame = self.pool.frame(self.size.0, self.size.1, CaptureTime::now());
        pattern::paint(&mut frame, self.number, 0);
        let mut unit = self.encoder.encode(&frame, keyframe).unwrap().unwrap();
        unit.media_time = 0;
        unit
    }
}

fn watch(studio: &Studio, layer: Layer) -> (Seat, Outlet) {
    let (seat, outlet) = studio.reserve();
    seat.take(layer);
    seat.connected();
    (seat, outlet)
}

fn leave((seat, outlet): (Seat, Outlet)) {
    drop(outlet);
    drop(seat);
}

fn got(outlet: &mut Outlet) -> Vec<Arc<EncodedUnit>> {
    std::iter::from_fn(|| outlet.units.try_recv().ok()).collect()
}

/// How many keyframes are asked for now, at once.
fn asked(relay: &Relay) -> usize {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let mut requests = relay.keyframes();
    let mut next = || {
        runtime
            .block_on(async { tokio::time::timeout(Duration::ZERO, requests.next()).await.is_ok() })
    };
    (0..10).take_while(|_| next()).count()
}

fn size_of(unit: &EncodedUnit) -> Option<(u32, u32)> {
    let sps = parameter_sets(&unit.data).find_map(|set| Sps::parse(set).ok())?;
    Some((sps.width, sps.height))
}

/// Films until a unit comes out that is wanted.
fn film_until(
    phone: &mut Phone,
    relay: &Relay,
    outlet: &mut Outlet,
    wanted: impl Fn(&EncodedUnit) -> bool,
) -> Arc<EncodedUnit> {
    let end = Instant::now() + PATIENCE;
    loop {
        relay.push(phone.film(asked(relay) > 0));
        if let Some(unit) = got(outlet).into_iter().find(|unit| wanted(unit)) {
            return unit;
        }
        assert!(Instant::now() < end, "it never came");
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn low_threads() -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let name = |task: std::io::Result<std::fs::DirEntry>| {
        std::fs::read_to_string(task.ok()?.path().join("comm")).ok()
    };
    tasks.filter_map(name).filter(|name| name.trim() == "relay-low").count()
}

fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < end, "{what}");
        std::thread::yield_now();
    }
}

#[test]
fn three_viewers_get_the_very_bytes_that_came_in() {
    let (studio, relay, _) = studio();
    let mut viewers: Vec<_> = (0..3).map(|_| watch(&studio, Layer::High)).collect();
    let mut phone = Phone::new((640, 360));
    let sent: Vec<Bytes> = (0..10)
        .map(|_| {
            let unit = phone.film(false);
            let data = unit.data.clone();
            relay.push(unit);
            data
        })
        .collect();
    let received: Vec<_> = viewers.iter_mut().map(|(_, outlet)| got(outlet)).collect();
    for (number, data) in sent.iter().enumerate() {
        let unit = &received[0][number];
        assert_eq!(unit.data.as_ptr(), data.as_ptr(), "nothing is copied");
        assert!(received.iter().all(|units| Arc::ptr_eq(&units[number], unit)));
        assert_eq!((unit.layer, unit.keyframe), (Layer::High, number == 0));
        assert_eq!(unit.media_time, unit.captured.media_time(), "as of any other camera");
    }
    assert!(received.iter().all(|units| units.len() == sent.len()));
    assert_eq!(*viewers[0].1.layer.borrow(), Some(Layer::High));
    assert_eq!(low_threads(), 0, "nothing is decoded for that");
}

#[test]
fn viewers_who_come_together_cost_one_keyframe_and_a_later_one_gets_its_own_at_once() {
    let (studio, relay, _) = studio();
    let mut phone = Phone::new((640, 360));
    let viewers: Vec<_> = (0..3).map(|_| watch(&studio, Layer::High)).collect();
    assert_eq!(asked(&relay), 1);
    viewers.iter().for_each(|(seat, _)| seat.request_keyframe());
    assert_eq!(asked(&relay), 0, "it is under way");
    relay.push(phone.film(true));
    assert_eq!(asked(&relay), 0, "all are served");
    // Milliseconds after that keyframe.
    let mut late = watch(&studio, Layer::High);
    assert_eq!(asked(&relay), 1);
    relay.push(phone.film(false));
    relay.push(phone.film(true));
    let first = got(&mut late.1);
    assert!(first.len() == 1 && first[0].keyframe, "it begins with a keyframe");
}

#[test]
fn pictures_are_wanted_while_somebody_sees_them_and_as_many_bits_as_paths_carry() {
    let (studio, relay, _) = studio();
    let demand = relay.demand();
    let now = || *demand.borrow();
    assert_eq!(now(), Demand { wanted: false, kbps: 0 });
    let (one, two) = (watch(&studio, Layer::High), watch(&studio, Layer::High));
    assert_eq!(now(), Demand { wanted: true, kbps: 2500 }, "what 720p can use");
    one.0.report(20_000);
    two.0.report(2000);
    assert_eq!(now(), Demand { wanted: true, kbps: 1800 });
    // Far behind the other, it gets the low layer and slows nobody.
    two.0.report(700);
    relay.push(Phone::new((1280, 720)).film(true));
    assert_eq!(now(), Demand { wanted: true, kbps: 2500 });
    leave(two);
    one.0.set_visible(false);
    assert_eq!(now(), Demand { wanted: false, kbps: 0 });
    one.0.set_visible(true);
    assert!(now().wanted);
    leave(one);
    assert!(!now().wanted);
    studio.stop();
}

#[test]
fn where_only_the_low_layer_is_watched_fewer_bits_do() {
    let (studio, relay, _) = studio();
    let demand = relay.demand();
    let viewer = watch(&studio, Layer::Low);
    let Demand { wanted, kbps } = *demand.borrow();
    assert!(wanted && (400..1250).contains(&kbps), "{kbps} kbit/s");
    studio.begin_stop();
    assert!(!demand.borrow().wanted, "a camera that ends needs nothing, whoever watches");
    leave(viewer);
    studio.stop();
}

#[test]
fn the_low_layer_is_made_while_somebody_watches_it() {
    let (studio, relay, _) = studio();
    let mut phone = Phone::new((640, 360));
    let mut high = watch(&studio, Layer::High);
    for _ in 0..2 {
        let mut low = watch(&studio, Layer::Low);
        let is_low = |unit: &EncodedUnit| unit.layer == Layer::Low;
        let first = film_until(&mut phone, &relay, &mut low.1, is_low);
        assert!(first.keyframe);
        assert_eq!(size_of(&first), Some((320, 180)));
        assert_eq!(first.media_time, first.captured.media_time());
        assert_eq!(low_threads(), 1);
        leave(low);
        wait_until("the thread goes on for nobody", || low_threads() == 0);
    }
    let units = got(&mut high.1);
    assert!(!units.is_empty() && units.iter().all(|unit| unit.layer == Layer::High));
    studio.stop();
}

#[test]
fn a_viewer_changes_its_layer_without_a_gap() {
    let (studio, relay, _) = studio();
    let mut phone = Phone::new((640, 360));
    let (seat, mut outlet) = watch(&studio, Layer::High);
    relay.push(phone.film(true));
    seat.wish(Layer::Low);
    let (mut all, mut filmed) = (got(&mut outlet), 1);
    let end = Instant::now() + PATIENCE;
    while all.last().is_none_or(|unit| unit.layer == Layer::High) {
        assert!(Instant::now() < end, "the low layer never came");
        relay.push(phone.film(asked(&relay) > 0));
        filmed += 1;
        all.extend(got(&mut outlet));
        std::thread::sleep(Duration::from_millis(1));
    }
    let high = all.iter().take_while(|unit| unit.layer == Layer::High).count();
    // The last picture may have come when the low layer was there already.
    assert!(high + 1 >= filmed, "{high} of {filmed}: the high layer went on until then");
    seat.wish(Layer::High);
    let back = film_until(&mut phone, &relay, &mut outlet, |unit| unit.layer == Layer::High);
    assert!(back.keyframe);
    leave((seat, outlet));
    studio.stop();
}

#[test]
fn a_phone_that_is_turned_passes_through_and_a_small_picture_may_grow_again() {
    let (studio, relay, _) = studio();
    let demand = relay.demand();
    let (mut high, mut low) = (watch(&studio, Layer::High), watch(&studio, Layer::Low));
    let kbps = [((640, 360), (320, 180)), ((360, 640), (180, 320)), ((1920, 1080), (480, 270))]
        .map(|(size, small)| {
            // What is still on its way through the decoder may be of the old size.
            let has_turned =
                |unit: &EncodedUnit| unit.layer == Layer::Low && size_of(unit) == Some(small);
            film_until(&mut Phone::new(size), &relay, &mut low.1, has_turned);
            let first = got(&mut high.1).iter().find_map(|unit| size_of(unit));
            assert_eq!(first, Some(size), "the new parameter sets come with the first picture");
            let stats = studio.stats();
            assert_eq!((stats.layers[0].width, stats.layers[0].height), size);
            demand.borrow().kbps
        });
    // A phone on a narrow path sends small pictures; enough for a large one must be allowed later.
    assert!(kbps[..2] == [2500; 2] && (4000..5000).contains(&kbps[2]), "{kbps:?}");
    leave(high);
    leave(low);
    studio.stop();
}

#[test]
fn a_small_picture_has_one_layer() {
    let (studio, relay, _) = studio();
    let mut low = watch(&studio, Layer::Low);
    relay.push(Phone::new((320, 240)).film(true));
    let mut phone = Phone::new((320, 240));
    let unit = film_until(&mut phone, &relay, &mut low.1, |_| true);
    assert_eq!(unit.layer, Layer::High);
    wait_until("there is nothing to make", || low_threads() == 0);
    leave(low);
    studio.stop();
}

/// A keyframe whose parameter sets are right and whose picture is not.
fn broken(phone: &mut Phone) -> EncodedUnit {
    let unit = phone.film(true);
    let mut data = Vec::new();
    for nal in nal_units(&unit.data) {
        let is_set = nal_kind(nal) != Some(NalKind::Idr);
        push_nal(&mut data, if is_set { nal } else { &[0x65, 0xff, 0xff, 0xff] });
    }
    EncodedUnit { data: data.into(), ..unit }
}

#[test]
fn what_cannot_be_decoded_here_goes_to_all_viewers_as_it_is() {
    let (studio, relay, _) = studio();
    let mut phone = Phone::new((640, 360));
    let mut low = watch(&studio, Layer::Low);
    let end = Instant::now() + PATIENCE;
    let first = loop {
        relay.push(broken(&mut phone));
        if let Some(unit) = got(&mut low.1).into_iter().next() {
            break unit;
        }
        assert!(Instant::now() < end, "the viewer never got a picture");
        std::thread::sleep(Duration::from_millis(1));
    };
    assert_eq!((first.layer, first.keyframe), (Layer::High, true));
    wait_until("the decoder is gone", || low_threads() == 0);
    // Another stream may be one that can be read.
    let mut phone = Phone::new((480, 640));
    let unit = film_until(&mut phone, &relay, &mut low.1, |unit| unit.layer == Layer::Low);
    assert_eq!(size_of(&unit), Some((240, 320)));
    leave(low);
    studio.stop();
}

#[test]
fn a_viewer_that_does_not_read_loses_up_to_a_keyframe_and_disturbs_nobody() {
    let (studio, relay, _) = studio();
    let mut phone = Phone::new((320, 240));
    let (mut slow, mut fast) = (watch(&studio, Layer::High), watch(&studio, Layer::High));
    assert_eq!(asked(&relay), 1);
    for number in 0..ENCODED_QUEUE_MAX + 10 {
        relay.push(phone.film(number == 0));
        assert_eq!(got(&mut fast.1).len(), 1);
    }
    assert_eq!(asked(&relay), 0, "a keyframe would find no room either");
    assert_eq!(got(&mut slow.1).len(), ENCODED_QUEUE_MAX);
    wait_until("it needs a keyframe", || {
        relay.push(phone.film(false));
        asked(&relay) == 1
    });
    relay.push(phone.film(true));
    assert!(got(&mut slow.1).iter().all(|unit| unit.keyframe));
    assert!(studio.stats().units_dropped > 10);
}

#[test]
fn ten_thousand_pictures_leave_nothing_behind() {
    static LIVE: AtomicUsize = AtomicUsize::new(0);
    struct Counted(Vec<u8>);
    impl AsRef<[u8]> for Counted {
        fn as_ref(&self) -> &[u8] {
            &self.0
        }
    }
    impl Drop for Counted {
        fn drop(&mut self) {
            LIVE.fetch_sub(1, Ordering::Relaxed);
        }
    }
    let (studio, relay, _) = studio();
    let mut phone = Phone::new((640, 360));
    let group: Vec<EncodedUnit> = (0..100).map(|number| phone.film(number == 0)).collect();
    let (mut reads, _stuck) = (watch(&studio, Layer::High), watch(&studio, Layer::High));
    let _low = watch(&studio, Layer::Low);
    let most = 3 * ENCODED_QUEUE_MAX + DECODE_QUEUE_MAX + 2;
    for number in 0..10_000 {
        let unit = &group[number % group.len()];
        LIVE.fetch_add(1, Ordering::Relaxed);
        let data = Bytes::from_owner(Counted(unit.data.to_vec()));
        relay.push(EncodedUnit { data, captured: CaptureTime::now(), ..unit.clone() });
        drop(got(&mut reads.1));
        assert!(LIVE.load(Ordering::Relaxed) <= most, "after {number} pictures");
    }
    studio.stop();
    leave(reads);
    leave(_stuck);
    leave(_low);
    wait_until("pictures are kept", || LIVE.load(Ordering::Relaxed) == 0);
}

#[test]
fn viewers_are_told_why_there_is_no_picture_and_that_there_is_one_again() {
    let (studio, relay, told) = studio();
    let mut phone = Phone::new((320, 240));
    let before = phone.film(true);
    relay.set_trouble(Some("the phone is locked".to_owned()));
    relay.push(before);
    // It is said again and again.
    relay.set_trouble(Some("the phone is locked".to_owned()));
    assert_eq!(*lock(&told), [Some("the phone is locked".to_owned())], "it was under way");
    std::thread::sleep(MOMENT);
    relay.push(phone.film(false));
    assert_eq!(lock(&told).last(), Some(&None));
    relay.set_trouble(Some("the phone is gone".to_owned()));
    relay.set_trouble(None);
    assert_eq!(lock(&told).len(), 4);
    assert_eq!(lock(&told).last(), Some(&None));
    drop(studio);
    relay.push(phone.film(true));
}

#[test]
fn trouble_from_before_the_camera_is_told_with_it() {
    let (relay, told) = (Relay::new(), Told::default());
    relay.push(Phone::new((320, 240)).film(true));
    relay.set_trouble(Some("the phone is locked".to_owned()));
    let config = CameraConfig::relayed(relay, "phone 1".to_owned(), AccessMode::Open);
    let heard = Arc::clone(&told);
    let _studio = Studio::new(
        config,
        0,
        Arc::new(move |trouble| {
            lock(&heard).push(trouble.map(|trouble| trouble.here));
        }),
    );
    assert_eq!(*lock(&told), [Some("the phone is locked".to_owned())]);
}

#[test]
fn pictures_are_missed_only_while_somebody_waits_for_them() {
    let (studio, relay, told) = studio();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_time()
        .build()
        .unwrap();
    runtime.spawn(studio.clone().miss_pictures(MOMENT));
    let latest = || lock(&told).last().cloned().flatten();
    std::thread::sleep(3 * MOMENT);
    assert_eq!(latest(), None, "nobody watches");
    let viewer = watch(&studio, Layer::High);
    wait_until("silence is told", || latest().as_deref() == Some("the phone sends no pictures"));
    relay.push(Phone::new((320, 240)).film(true));
    assert_eq!(lock(&told).last(), Some(&None), "a picture ends it");
    wait_until("silence is told again", || latest().is_some());
    leave(viewer);
    wait_until("it is no longer missed", || latest().is_none());
}
