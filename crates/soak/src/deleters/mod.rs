//! The deleters: each names sockets to the oracle before, and hands it each report after.

mod c_library;
pub(crate) mod guard;
mod hand;
mod library;
mod program;

use std::sync::atomic::Ordering::SeqCst;
use std::thread;
use std::time::Duration;

use hand::Hand;

use crate::plan::Plan;
use crate::terms::{By, How};
use crate::world::World;

pub(crate) fn run(world: &World, number: usize, plan: &Plan) {
    let seed = plan.seed.wrapping_mul(2000) + u64::try_from(number).expect("it is small");
    let by = [By::Library, By::CLibrary, By::Program][number % 3];
    let lie = plan.lie.filter(|(by, _)| *by == By::Library);
    let lie = lie.map(|(_, lie)| lie);
    let mut hand = Hand::new(world, number, by, seed);
    while !world.quiet.load(SeqCst) {
        let how = hand.random.choose(&[
            How::Fresh,
            How::Fresh,
            How::Stale,
            How::Stale,
            How::Pair,
            How::Filter,
        ]);
        match hand.by {
            By::Library => match lie {
                Some(lie) => hand.lie(lie),
                None => library::act(&mut hand, how),
            },
            By::CLibrary => c_library::act(&mut hand, how),
            By::Program => program::act(&mut hand, how, &plan.program),
            By::Guard => unreachable!("the service is one process, and has a thread of its own"),
        }
        thread::sleep(Duration::from_micros(500));
    }
}
