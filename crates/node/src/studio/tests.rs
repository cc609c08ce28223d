//! The camera with real threads and a real encoder: what starts, what ends, who gets which layer.

use super::*;
use lanlens_capture::{SourceSpec, Wish};
use lanlens_model::AccessMode;

fn studio(source: SourceSpec, size: (u32, u32)) -> (Studio, Arc<Mutex<Vec<Option<Trouble>>>>) {
    let complaints = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&complaints);
    let config = CameraConfig {
        source: source.into(),
        wish: Wish { size: Some(size), fps: Some(30) },
        bitrate_kbps: None,
        access: AccessMode::Open,
    };
    (Studio::new(config, 0, Arc::new(move |text| lock(&heard).push(text))), complaints)
}

fn watch(studio: &Studio, layer: Layer) -> (Seat, Outlet) {
    let (seat, mut outlet) = studio.reserve();
    seat.take(layer);
    seat.connected();
    assert!(outlet.units.blocking_recv().unwrap().keyframe);
    (seat, outlet)
}

fn leave((seat, outlet): (Seat, Outlet)) {
    drop(outlet);
    drop(seat);
}

/// Size of the first unit's picture that is of this layer.
fn size_of(outlet: &mut Outlet, layer: Layer) -> (u32, u32) {
    loop {
        let unit = outlet.units.blocking_recv().unwrap();
        if unit.layer == layer {
            assert!(unit.keyframe, "a layer begins with a keyframe");
            let mut sets = lanlens_media::h264::parameter_sets(&unit.data);
            let sps = sets.find_map(|set| lanlens_media::h264::Sps::parse(set).ok()).unwrap();
            return (sps.width, sps.height);
        }
    }
}

fn media_threads() -> Vec<String> {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let name = |task: std::io::Result<std::fs::DirEntry>| {
        std::fs::read_to_string(task.ok()?.path().join("comm")).ok()
    };
    let names = tasks.filter_map(name).map(|name| name.trim().to_owned());
    names.filter(|name| name == "capture" || name.starts_with("enc")).collect()
}

fn wait_for_threads(expected: &[&str]) {
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        let mut names = media_threads();
        names.sort();
        if names == expected {
            return;
        }
        assert!(Instant::now() < end, "{names:?} instead of {expected:?}");
        std::thread::yield_now();
    }
}

#[test]
fn the_camera_runs_only_while_somebody_watches_and_starts_again() {
    let (studio, _) = studio(SourceSpec::Pattern, (320, 180));
    for _ in 0..2 {
        let (first, mut second) = (watch(&studio, Layer::High), watch(&studio, Layer::High));
        leave(first);
        assert!(second.1.units.blocking_recv().is_some());
        leave(second);
        studio.stop();
        assert_eq!(media_threads(), [""; 0]);
    }
}

#[test]
fn each_layer_is_encoded_only_for_those_who_watch_it() {
    let (studio, _) = studio(SourceSpec::Pattern, (640, 360));
    let high = watch(&studio, Layer::High);
    wait_for_threads(&["capture", "enc-high"]);
    let low = watch(&studio, Layer::Low);
    wait_for_threads(&["capture", "enc-high", "enc-low"]);
    leave(high);
    wait_for_threads(&["capture", "enc-low"]);
    low.0.set_visible(false);
    wait_for_threads(&[]);
    low.0.set_visible(true);
    wait_for_threads(&["capture", "enc-low"]);
    leave(low);
    wait_for_threads(&[]);
    studio.stop();
}

#[test]
fn a_viewer_changes_its_layer_without_a_gap_and_is_told_when() {
    let (studio, _) = studio(SourceSpec::Pattern, (640, 360));
    let (seat, mut outlet) = watch(&studio, Layer::High);
    assert_eq!(*outlet.layer.borrow(), Some(Layer::High));
    seat.wish(Layer::Low);
    let mut before = None;
    let switched = loop {
        let unit = outlet.units.blocking_recv().unwrap();
        if unit.layer == Layer::Low {
            break unit;
        }
        before = Some(unit);
    };
    assert!(switched.keyframe);
    if let Some(before) = before {
        let gap = switched.media_time.wrapping_sub(before.media_time) as i32;
        assert!(gap < 2 * 90_000 / 30, "{gap} ticks of 90 kHz without a picture");
    }
    assert_eq!(*outlet.layer.borrow(), Some(Layer::Low));
    seat.wish(Layer::High);
    assert_eq!(size_of(&mut outlet, Layer::High), (640, 360));
    leave((seat, outlet));
    studio.stop();
}

#[test]
fn low_is_the_picture_halved_and_a_small_camera_has_one_layer() {
    let (large, _) = studio(SourceSpec::Pattern, (640, 360));
    let (seat, mut outlet) = large.reserve();
    seat.take(Layer::Low);
    assert_eq!(size_of(&mut outlet, Layer::Low), (320, 180));
    leave((seat, outlet));
    large.stop();

    let (small, _) = studio(SourceSpec::Pattern, (320, 180));
    let (seat, mut outlet) = small.reserve();
    seat.take(Layer::Low);
    assert_eq!(size_of(&mut outlet, Layer::High), (320, 180));
    leave((seat, outlet));
    small.stop();
}

#[test]
fn a_slow_viewer_is_moved_to_low_and_the_other_keeps_all() {
    let (studio, _) = studio(SourceSpec::Pattern, (640, 360));
    let (mut fast, mut slow) = (watch(&studio, Layer::High), watch(&studio, Layer::High));
    fast.0.report(5000);
    slow.0.report(300);
    assert_eq!(size_of(&mut slow.1, Layer::Low), (320, 180));
    let before = fast.1.units.blocking_recv().unwrap();
    assert_eq!(before.layer, Layer::High);
    leave(fast);
    leave(slow);
    studio.stop();
}

#[test]
fn a_missing_device_is_told_once_and_a_stop_is_obeyed() {
    let source = SourceSpec::Device("/dev/video99".into());
    let (studio, complaints) = studio(source, (320, 180));
    let (seat, outlet) = studio.reserve();
    seat.take(Layer::High);
    while lock(&complaints).is_empty() {
        std::thread::yield_now();
    }
    leave((seat, outlet));
    studio.stop();
    let told = lock(&complaints).clone();
    assert!(matches!(&told[..], [Some(trouble), None] if trouble.here.contains("/dev/video99")));
    assert!(!told[0].as_ref().unwrap().for_viewers.contains('/'), "viewers learn no paths");
}

#[test]
fn the_bitrate_fits_the_size() {
    let kbps = |width, height| fitting_kbps(VideoFormat { width, height, fps: 30 });
    assert_eq!(kbps(1280, 720), 2500);
    assert!((800..1000).contains(&kbps(640, 360)));
    assert!((4000..5000).contains(&kbps(1920, 1080)));
    let low = ceilings(VideoFormat { width: 1280, height: 720, fps: 30 }, None).low;
    assert!((180..230).contains(&low), "{low}");
}
