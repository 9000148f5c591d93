//! Terms that the kernel alone can evaluate, where it does not run the program that asks for them.

use crate::connection::state::States;
use crate::filter::{Filter, Truth};
use crate::select::Selection;
use crate::select::facts::Attribution;
use crate::select::names::SystemNames;
use crate::sock_diag::fake::{Kernel, Programs, Row, diags};
use crate::table::TcpTable;

/// Returns the truth of a filter for each row that a dump yields, by cookie.
fn judged(programs: Programs, filter: &str) -> Vec<(u64, Truth)> {
    // The ports 50001 and 50002 are of the range, one was chosen by the kernel; 1003 is not.
    let row = |port: u16, number| Row::new(&format!("10.0.0.1:{port} 10.0.0.2:80"), number);
    let rows = vec![
        Row {
            auto: true,
            ..row(50_001, 1)
        },
        row(50_002, 2),
        row(1003, 3),
    ];
    let mut kernel = Kernel {
        programs,
        ..Kernel::of(rows)
    };
    let (diags, _) = diags(move |asked| kernel.answer(asked));
    let mut table = TcpTable::of(diags);
    let filter = Filter::parse(filter, &SystemNames::new(&table)).unwrap();
    let selection = Selection::new(filter, States::CONNECTIONS, &mut table).unwrap();
    let rows = table.connections(selection.query()).unwrap();
    let mut attribution = Attribution::new();
    let mut judged: Vec<_> = rows
        .map(|row| {
            let row = row.unwrap();
            let truth = selection.judge(&row, &mut attribution).unwrap();
            (row.cookie.value(), truth)
        })
        .collect();
    judged.sort_by_key(|(number, _)| *number);
    judged
}

/// Returns the cookies of what is selected.
fn selected(programs: Programs, filter: &str) -> Vec<u64> {
    let judged = judged(programs, filter).into_iter();
    let selected = judged.filter(|(_, truth)| *truth == Truth::True);
    selected.map(|(number, _)| number).collect()
}

#[test]
fn where_the_kernel_runs_programs_it_is_believed() {
    assert_eq!(selected(Programs::Run, "autobound"), [1]);
    assert_eq!(selected(Programs::Run, "not autobound"), [2, 3]);
    assert_eq!(
        selected(Programs::Run, "autobound or sport = :50002"),
        [1, 2]
    );
}

#[test]
fn where_it_refuses_or_ignores_them_nothing_is_called_autobound_or_not() {
    for programs in [Programs::Refuse, Programs::Ignore] {
        assert!(selected(programs, "autobound").is_empty());
        // Out of the range of ports it is not autobound, whatever the kernel says.
        assert_eq!(selected(programs, "not autobound"), [3]);
        assert_eq!(selected(programs, "autobound or sport = :50002"), [2]);
        assert_eq!(
            selected(programs, "not autobound or sport = :50001"),
            [1, 3]
        );
        let all = judged(programs, "autobound");
        let unknown = |number| all.contains(&(number, Truth::Unknown));
        assert!(unknown(1) && unknown(2), "{all:?}");
    }
}
