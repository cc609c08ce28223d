//! Pages and phones that come and go, on virtual time.

use super::*;

/// A tile of a page that was closed is gone within this.
const GONE_TARGET: Duration = Duration::from_secs(2);
const STEP: Duration = Duration::from_millis(10);

/// A guest, played through in steps.
struct Play {
    stay: Stay,
    began: Instant,
    now: Instant,
    signs: Signs,
}

impl Play {
    /// An open page whose pictures come.
    fn live() -> Self {
        let now = Instant::now();
        let mut stay = Stay::new(now);
        stay.on_publish();
        stay.on_connected();
        let signs = Signs { page: true, session: true, picture: Some(now) };
        stay.note(signs, now);
        Self { stay, began: now, now, signs }
    }

    /// Whoever offers and never comes, without a page.
    fn never_connected() -> Self {
        let now = Instant::now();
        let mut stay = Stay::new(now);
        stay.on_publish();
        let signs = Signs { page: false, session: true, picture: None };
        stay.note(signs, now);
        Self { stay, began: now, now, signs }
    }

    /// Lets time pass, with or without pictures; after how long the camera went, if it did.
    fn pass(&mut self, time: Duration, films: bool) -> Option<Duration> {
        let end = self.now + time;
        while self.now < end {
            self.now += STEP;
            if films {
                self.signs.picture = Some(self.now);
            }
            self.stay.note(self.signs, self.now);
            if self.stay.due().is_some_and(|due| due <= self.now)
                && self.stay.is_over(self.signs, self.now)
            {
                return Some(self.now - self.began);
            }
        }
        None
    }

    fn fails(&mut self) {
        self.signs.session = false;
        self.stay.on_silence(self.now);
    }
}

#[test]
fn a_page_that_is_closed_takes_its_camera_with_it() {
    // Its pictures end with it, or a little later.
    for late_ms in [0, 30, 200] {
        let mut play = Play::live();
        play.signs.page = false;
        assert_eq!(play.pass(Duration::from_millis(late_ms), true), None);
        let gone = play.pass(GONE_TARGET, false);
        assert!(gone.is_some_and(|after| after < GONE_TARGET), "{late_ms} ms: {gone:?}");
    }
}

#[test]
fn a_page_that_lost_only_its_stream_of_news_goes_on_as_long_as_it_films() {
    let mut play = Play::live();
    play.signs.page = false;
    assert_eq!(play.pass(Duration::from_secs(20), true), None);
    play.signs.page = true;
    assert_eq!(play.pass(Duration::from_secs(5), false), None, "it is back");
    play.signs.page = false;
    assert_eq!(play.pass(Duration::from_secs(20), true), None);
    let stopped = play.now - play.began;
    let gone = play.pass(GONE_TARGET, false).map(|at| at - stopped);
    assert!(gone.is_some_and(|after| after < GONE_TARGET), "{gone:?}");
}

#[test]
fn a_page_that_is_loaded_anew_finds_its_camera() {
    let mut play = Play::live();
    (play.signs.page, play.signs.session) = (false, false);
    play.stay.on_goodbye(play.now);
    assert_eq!(play.pass(Duration::from_millis(1100), false), None);
    (play.signs.page, play.signs.session) = (true, true);
    play.stay.on_publish();
    assert_eq!(play.pass(Duration::from_secs(100), false), None);
}

#[test]
fn a_phone_that_fell_silent_keeps_its_tile_for_a_minute() {
    let mut play = Play::live();
    play.signs.page = true;
    play.fails();
    assert_eq!(play.pass(Duration::from_secs(100), false), Some(SILENCE_KEPT));
    // So does an encoder, which has no page.
    let mut play = Play::never_connected();
    play.stay.on_connected();
    play.fails();
    assert_eq!(play.pass(Duration::from_secs(100), false), Some(SILENCE_KEPT));
}

#[test]
fn whoever_never_came_leaves_no_tile() {
    let mut play = Play::never_connected();
    play.fails();
    assert_eq!(play.pass(Duration::from_secs(100), false), Some(GOODBYE_GRACE));
    // An open page tries again, and its tile says why it is dark.
    let mut play = Play::never_connected();
    play.signs.page = true;
    assert_eq!(play.pass(STEP, false), None);
    play.fails();
    assert_eq!(play.pass(Duration::from_secs(30), false), None);
}

#[test]
fn what_a_camera_had_before_it_went_does_not_count_for_the_next() {
    let mut play = Play::live();
    play.signs = Signs { page: false, session: false, picture: None };
    play.stay.on_camera_gone(play.now);
    play.stay.on_publish();
    play.stay.note(play.signs, play.now);
    play.began = play.now;
    play.stay.due = None;
    play.fails();
    assert_eq!(play.pass(Duration::from_secs(100), false), Some(GOODBYE_GRACE));
}
