//! Through the library.

use std::ops::ControlFlow;

use tcpentry::{Action, Options, Query};

use super::hand::{Hand, by_pair, report_of};
use crate::terms::{By, How};

pub(super) fn act(hand: &mut Hand<'_>, how: How) {
    let (world, deleter) = (hand.world, hand.number);
    match how {
        How::Fresh | How::Stale => {
            let rows = hand.rows(how);
            world.oracle.during(deleter, || {
                hand.name(&rows);
                if hand.random.one_in(2) {
                    for row in &rows {
                        let result = hand.table.delete(row, &Options::default());
                        hand.record(how, row, &report_of(&result));
                    }
                } else {
                    let mut reports = Vec::new();
                    hand.table
                        .delete_all(rows, &Options::default(), |row, result| {
                            reports.push((row.clone(), report_of(&result)));
                            ControlFlow::Continue(())
                        });
                    for (row, report) in reports {
                        hand.record(how, &row, &report);
                    }
                }
            });
        }
        How::Pair => {
            for _ in 0..20 {
                let (owner, slot, side) = hand.tuple();
                let tuple = &world.tuples[owner].all[slot];
                world.oracle.during(deleter, || {
                    let table = &mut hand.table;
                    by_pair(&world.oracle, By::Library, tuple, side, || {
                        let found =
                            table.find_and_delete(&tuple.pair(side).into(), &Options::default());
                        let cookie = found.as_ref().ok().map(|it| it.connection.cookie.value());
                        (report_of(&found), cookie)
                    });
                });
            }
        }
        How::Filter => {
            let (owner, slot, _) = hand.tuple();
            let tuples = &world.tuples[owner].all;
            let first = tuples[slot].client.port();
            let ports = first..first + 50;
            let oracle = &world.oracle;
            oracle.during(deleter, || {
                let select = |row: &tcpentry::Connection| {
                    if !ports.contains(&row.local().port()) && !ports.contains(&row.peer().port()) {
                        return Action::Skip;
                    }
                    oracle.name(row.cookie.value());
                    Action::Delete
                };
                let report = |row: &tcpentry::Connection, result| {
                    oracle.record(By::Library, how, row.cookie.value(), &report_of(&result));
                    ControlFlow::Continue(())
                };
                let result = hand.table.delete_matching(
                    &Query::default(),
                    &Options::default(),
                    select,
                    report,
                );
                result.expect("the table can be dumped");
            });
        }
    }
}
