//! A house of cameras and viewers under random faults, for as long as one likes.
//!
//! ```text
//!  every 5 s: one fault or two ─▶ the tiles concerned must admit it ─▶ mended
//!  every minute: all is mended ─▶ every camera live at every viewer ─▶ what the steady ones use
//! ```
//!
//! One camera and one viewer are never ended, though they suffer everything else: their memory,
//! descriptors and threads must stay as they were after the first minute. Which faults come is told
//! by the seed; when what follows happens is the machine's.

mod fault;
mod house;
mod truth;
mod usage;

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use fastrand::Rng;
use lanlens_testkit::figure;

use fault::Fault;
use house::House;
use usage::Usages;

pub use truth::Truth;

/// From the beginning of one fault to that of the next, at least.
const FAULT_EVERY: Duration = Duration::from_secs(5);
/// Of each minute, the part with faults.
const FAULTS_TIME: Duration = Duration::from_secs(50);
/// How soon a tile must say that nothing comes.
const STALL_TARGET: Duration = Duration::from_secs(1);
/// How soon after the last fault all is well.
const SETTLED_TARGET: Duration = Duration::from_secs(5);

/// How long, how large, and which faults.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Tells which faults come, and in which order.
    pub seed: u64,
    /// Length.
    pub minutes: u32,
    /// Cameras in the house.
    pub cameras: usize,
    /// Viewers in the house.
    pub viewers: usize,
}

/// The worst of everything.
#[derive(Debug, Default)]
struct Worst {
    stalled: Duration,
    settled: Duration,
    live_without_frames: Duration,
    faults: u32,
}

/// Runs a plan; `false` where there can be no network of namespaces.
///
/// # Errors
/// The first promise that was broken, with the seed.
pub fn run(plan: Plan) -> Result<bool> {
    let Some(mut house) = House::build(plan.cameras, plan.viewers)? else { return Ok(false) };
    let mut soak = Soak {
        begin: Instant::now(),
        rng: Rng::with_seed(plan.seed),
        usages: Usages::default(),
        worst: Worst::default(),
    };
    soak.say(&format!("seed {}, {} minutes", plan.seed, plan.minutes));
    let outcome = soak.live_through(&mut house, plan.minutes);
    soak.report();
    outcome.with_context(|| {
        format!("with seed {}; again: make soak SOAK='--seed {}'", plan.seed, plan.seed)
    })?;
    Ok(true)
}

struct Soak {
    begin: Instant,
    rng: Rng,
    usages: Usages,
    worst: Worst,
}

impl Soak {
    fn say(&self, what: &str) {
        println!("{:7.1} s  {what}", self.begin.elapsed().as_secs_f64());
    }

    fn live_through(&mut self, house: &mut House, minutes: u32) -> Result<()> {
        self.settle(house)?;
        for minute in 1..=minutes {
            let until = Instant::now() + FAULTS_TIME;
            while Instant::now() < until {
                let next = Instant::now() + FAULT_EVERY;
                self.disturb(house)?;
                std::thread::sleep(next.saturating_duration_since(Instant::now()));
                house.read();
            }
            self.settle(house)?;
            let usages = house.usages()?;
            self.say(&format!("minute {minute}: {usages:?}"));
            self.usages.add(usages)?;
        }
        self.check_figures(house)
    }

    /// One fault, or two at once, and what must be true meanwhile.
    fn disturb(&mut self, house: &mut House) -> Result<()> {
        let mut faults = vec![Fault::random(&mut self.rng, house)];
        let second = Fault::random(&mut self.rng, house);
        if self.rng.u8(0..3) == 0 && second.member != faults[0].member {
            faults.push(second);
        }
        // Most are short; some are longer than anything that is waited for.
        let time = match self.rng.u8(0..6) {
            0 => self.rng.u64(6000..12_000),
            _ => self.rng.u64(1500..4000),
        };
        let began = Instant::now();
        for fault in &faults {
            self.say(&format!("{} for {time} ms", house.describe(fault)));
            house.begin(fault)?;
        }
        self.worst.faults += 1;
        let admitted = house.wait_admitted(&faults, began, figure::patience(STALL_TARGET))?;
        self.worst.stalled = self.worst.stalled.max(admitted);
        std::thread::sleep(Duration::from_millis(time).saturating_sub(began.elapsed()));
        house.check_dark(&faults, began)?;
        for fault in &faults {
            house.end(fault)?;
        }
        Ok(())
    }

    /// Everything is mended: every camera must become live at every viewer, and stay so.
    fn settle(&mut self, house: &mut House) -> Result<()> {
        let mended = Instant::now();
        house.wait_all_live(figure::patience(SETTLED_TARGET))?;
        self.worst.settled = self.worst.settled.max(mended.elapsed());
        std::thread::sleep(Duration::from_secs(2));
        house.wait_all_live(Duration::ZERO)
    }

    fn check_figures(&mut self, house: &House) -> Result<()> {
        self.worst.live_without_frames = house.live_without_frames();
        self.usages.check()?;
        figure::within("soak_stalled_worst", self.worst.stalled, STALL_TARGET)?;
        figure::within("soak_settled_worst", self.worst.settled, SETTLED_TARGET)?;
        // Figures come once a second, so that two in a row without a picture between them are late.
        let limit = if figure::strict() { 1 } else { 2 };
        anyhow::ensure!(
            self.worst.live_without_frames < Duration::from_secs(limit),
            "a tile was live for {:?} without a new picture",
            self.worst.live_without_frames
        );
        Ok(())
    }

    fn report(&self) {
        let ms = |time: Duration| time.as_secs_f64() * 1000.0;
        let Worst { live_without_frames, faults, .. } = self.worst;
        figure::report("soak_faults", faults.into(), "faults", "one every 5 s");
        figure::report("soak_live_without_frames", ms(live_without_frames), "ms", "below 1000");
    }
}
