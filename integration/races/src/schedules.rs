//! Runs a body of threads in one order after the other.
//!
//! What must hold here: the orders follow from a seed alone (RACES_SEED), so that a failure can be repeated; half of them are
//! drawn step by step, half change between threads at few places (PCT), which finds what needs one unlucky moment; RACES
//! multiplies how many there are. One model at a time: the library's statics are there once.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};

use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};
use shuttle::{Config, FailurePersistence, MaxSteps, Runner};

use crate::kernel;
use crate::machine::{self, Mutation};

static ONE: Mutex<()> = Mutex::new(());

/// Moments at which PCT changes to another thread.
const MOMENTS: usize = 4;
/// Steps that a failure shows.
const STEPS: usize = 120;
/// Steps after which a run counts as one that doesn't end.
const ENDLESS: usize = 300_000;

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |value| value.parse().unwrap_or_else(|_| panic!("{name}={value}: a number")))
}

/// Runs `body` in so many orders.
///
/// # Panics
/// If it fails in one.
pub fn hold(orders: usize, body: fn()) {
    let orders = orders * number("RACES", 1) as usize;
    if let Err(why) = run(orders, body, None) {
        panic!("{why}, after\n{}", machine::last_steps(STEPS));
    }
    println!("{orders} orders");
}

/// Runs `body` in up to so many orders for each fault, which must make it fail in one.
///
/// # Panics
/// If one is not found.
pub fn find(orders: usize, body: fn(), mutations: &[Mutation]) {
    let said: Vec<_> = mutations.iter().map(|mutation| (mutation, run(orders, body, Some(mutation)))).collect();
    for (mutation, result) in &said {
        println!(
            "{mutation:?}: {}",
            result.as_ref().err().map_or("not found", |why| why.lines().next().unwrap_or(why))
        );
    }
    let missed: Vec<_> = said.iter().filter(|(_, result)| result.is_ok()).map(|(mutation, _)| mutation).collect();
    assert!(missed.is_empty(), "not found: {missed:#?}");
}

fn run(orders: usize, body: fn(), mutation: Option<&Mutation>) -> Result<(), String> {
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    machine::mutate(mutation);
    let seed = number("RACES_SEED", 1);
    let half = orders.div_ceil(2);
    // What fails is said at the end, and what is expected to fail not at length.
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| ()));
    let result = explore(RandomScheduler::new_from_seed(seed, half), body)
        .and_then(|()| explore(PctScheduler::new_from_seed(seed, MOMENTS, half), body));
    std::panic::set_hook(hook);
    assert!(mutation.is_none() || machine::is_reached(), "nothing came by {mutation:?}");
    machine::mutate(None);
    result
}

fn explore(scheduler: impl Scheduler + 'static, body: fn()) -> Result<(), String> {
    let mut config = Config::new();
    config.stack_size = 256 << 10;
    config.max_steps = MaxSteps::FailAfter(ENDLESS);
    config.failure_persistence = FailurePersistence::None;
    config.silence_warnings = true;
    let one = move || {
        machine::begin();
        kernel::begin();
        body();
    };
    catch_unwind(AssertUnwindSafe(|| Runner::new(scheduler, config).run(one))).map(|_| ()).map_err(|why| {
        let text = why.downcast_ref::<String>().map(String::as_str).or_else(|| why.downcast_ref::<&str>().copied());
        text.unwrap_or("it panicked").to_owned()
    })
}

/// A thread, whose stores are all known when it ends.
pub fn spawn(body: impl FnOnce() + Send + 'static) -> shuttle::thread::JoinHandle<()> {
    machine::barrier();
    shuttle::thread::spawn(move || {
        body();
        machine::barrier();
    })
}

/// One of `0 .. below`.
pub fn draw(below: usize) -> usize {
    shuttle::rand::Rng::gen_range(&mut shuttle::rand::thread_rng(), 0..below)
}
