use proptest::prelude::*;

use super::super::judge::{Judge, Subject, Truth};
use super::super::testing::sockets::{
    Known, LOCAL_PORTS, Pool, SETS, TestSocket, exprs, network, pid, set, sockets,
};
use super::*;
use crate::sock_diag::bytecode::interpreter;

mod kernel;

/// The consequence of a truth for a socket: all that are neither yes nor hidden mean no.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Selected {
    Yes,
    No,
    Hidden,
}

impl From<Truth> for Selected {
    fn from(truth: Truth) -> Self {
        match truth {
            Truth::True => Self::Yes,
            Truth::False | Truth::Unknown => Self::No,
            Truth::Hidden => Self::Hidden,
        }
    }
}

fn yields(plan: &Plan, pass: &Pass, socket: &TestSocket) -> bool {
    let [local, peer] = socket.entry.ports;
    let is_port = |asked, port| asked == 0 || asked == port;
    let accepts = |program: &Program| interpreter::run(&program.bytes(), &socket.entry);
    is_port(plan.ports.0, local)
        && is_port(plan.ports.1, peer)
        && pass.program.as_ref().is_none_or(accepts)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    /// Compares what the kernel yields and the rest selects with what the whole expression selects here.
    #[test]
    fn kernel_and_rest_are_the_expression(
        expr in exprs(Pool::small().terms()),
        sockets in prop::collection::vec(sockets(&Pool::small()), 12),
        states in prop::sample::select(SETS.to_vec()),
        marks: bool,
        hidden in prop::sample::select(vec![vec![], vec![(3, "nginx")], vec![(3, "cat")], vec![(3, "")]]),
        withheld: bool,
    ) {
        let compiler = Compiler { states, marks, local_ports: LOCAL_PORTS, netns: 1 };
        let plan = compiler.compile(&expr);
        for pass in &plan.passes {
            if let Some(program) = &pass.program {
                prop_assert_eq!(interpreter::audit(&program.bytes(), marks), Ok(()));
            }
        }
        let facts = &Known {
            hidden,
            withheld,
            ..Known::default()
        };
        let judge = Judge { facts, marks, local_ports: LOCAL_PORTS, netns: 1, users: true };
        for socket in sockets.iter().filter(|socket| socket.is_in(states)) {
            let connection = &socket.connection(marks);
            let judged = |expr: &Expr, autobound| {
                Selected::from(judge.judge(expr, Subject { connection, autobound }))
            };
            let whole = judged(&expr, Some(socket.entry.auto));
            let passes: Vec<_> =
                plan.passes.iter().filter(|pass| yields(&plan, pass, socket)).collect();
            prop_assert!(passes.len() < 2, "{socket:?} is yielded twice");
            let Some(pass) = passes.first() else {
                prop_assert_eq!(whole, Selected::No, "{:?} is not yielded", socket);
                continue;
            };
            prop_assert_eq!(judged(&expr, pass.autobound), whole);
            let rest = plan.rest.as_ref();
            let rest = rest.map_or(Selected::Yes, |rest| judged(rest, pass.autobound));
            prop_assert_eq!(rest, whole, "{:?} of {:?}", socket, plan);
            if let (Some(kernel), Selected::Yes) = (&plan.kernel, whole) {
                prop_assert_eq!(judged(kernel, pass.autobound), Selected::Yes);
            }
            // A kernel that runs no program tells less: nothing else is selected.
            let told = judged(&expr, None);
            prop_assert!(told != Selected::Yes || whole == Selected::Yes);
        }
    }
}

fn term(term: Term) -> Expr {
    Expr::Term(term)
}

fn not(expr: Expr) -> Expr {
    Expr::Not(Box::new(expr))
}

fn peer_port(port: u16) -> Expr {
    term(Term::Port {
        end: End::Peer,
        comparison: Comparison::Equal,
        port,
    })
}

fn plan(expr: &Expr) -> Plan {
    let compiler = Compiler {
        states: States::CONNECTIONS,
        marks: true,
        local_ports: LOCAL_PORTS,
        netns: 1,
    };
    compiler.compile(expr)
}

#[test]
fn what_the_kernel_judges_exactly_leaves_no_rest() {
    let expr = Expr::And(vec![
        not(peer_port(443)),
        Expr::Or(vec![peer_port(80), peer_port(81)]),
    ]);
    let plan = plan(&expr);
    assert_eq!(
        (plan.kernel.as_ref(), plan.rest.as_ref()),
        (Some(&expr), None)
    );
    assert_eq!((plan.ports, plan.needs), ((0, 0), Needs::default()));
    assert_eq!(plan.passes.len(), 1);
}

#[test]
fn what_it_cant_judge_is_the_rest() {
    let (port, pid) = (peer_port(80), term(pid(1)));
    let both = plan(&Expr::And(vec![port.clone(), pid.clone()]));
    assert_eq!(
        (both.kernel, both.rest),
        (Some(port.clone()), Some(pid.clone()))
    );
    assert_eq!(both.ports, (0, 80));
    assert!(both.needs.owners && !both.needs.info);
    let one = Expr::Or(vec![port, pid]);
    let one = (plan(&one), one);
    assert_eq!((one.0.kernel, one.0.rest), (None, Some(one.1)));
    assert_eq!(one.0.ports, (0, 0));
    assert_eq!(one.0.passes[0].program, None);
}

#[test]
fn a_port_is_demanded_only_where_nothing_else_will_do() {
    let host = |port| {
        term(Term::Host {
            end: End::Local,
            network: network([10, 0, 0, 0].into(), 8),
            port: Some(port),
        })
    };
    let and = Expr::And(vec![peer_port(1), host(2)]);
    assert_eq!(plan(&and).ports, (2, 1));
    assert_eq!(plan(&not(and)).ports, (0, 0));
    // Of "no port" the kernel's header can't ask.
    assert_eq!(plan(&peer_port(0)).ports, (0, 0));
    let neither = not(Expr::Or(vec![not(peer_port(1)), host(2)]));
    assert_eq!(plan(&neither).ports, (0, 1));
}

#[test]
fn autobound_is_one_question_where_it_has_to_be_so_and_else_two() {
    let auto = || term(Term::Autobound);
    let told = |expr: Expr| {
        let passes = plan(&expr).passes;
        passes.iter().map(|pass| pass.autobound).collect::<Vec<_>>()
    };
    let pid = || term(pid(1));
    assert_eq!(told(auto()), [Some(true)]);
    assert_eq!(told(not(auto())), [Some(false)]);
    assert_eq!(told(Expr::And(vec![pid(), auto()])), [Some(true)]);
    assert_eq!(told(Expr::And(vec![pid(), not(auto())])), [Some(false)]);
    assert_eq!(
        told(Expr::Or(vec![pid(), auto()])),
        [Some(true), Some(false)]
    );
    assert_eq!(told(Expr::And(vec![auto(), not(auto())])), []);
    assert_eq!(told(pid()), [None]);
}

#[test]
fn nothing_is_asked_where_nothing_can_match() {
    let nothing = not(term(Term::Anything { end: End::Peer }));
    let plan = plan(&nothing);
    assert!(plan.passes.is_empty());
    assert_eq!((plan.kernel, plan.rest), (Some(nothing), None));
}

#[test]
fn without_the_right_marks_are_judged_here() {
    let mark = term(Term::Mark { value: 1, mask: 1 });
    let compiler = Compiler {
        states: States::CONNECTIONS,
        marks: false,
        local_ports: LOCAL_PORTS,
        netns: 1,
    };
    let plan = compiler.compile(&mark);
    assert_eq!(plan.passes[0].program, None);
    assert_eq!((plan.kernel, plan.rest), (None, Some(mark)));
    assert!(plan.needs.marks);
}

#[test]
fn what_is_too_long_is_asked_without_its_condition_but_not_without_autobound() {
    let many = || Expr::Or((0..9999).map(|number| peer_port(number * 2)).collect());
    assert_eq!(plan(&many()).passes[0].program, None);
    let both = plan(&Expr::And(vec![many(), term(Term::Autobound)]));
    let [pass] = &both.passes[..] else {
        panic!("{}", both.passes.len());
    };
    let program = pass.program.as_ref().unwrap();
    assert_eq!(
        program.to_string(),
        "  0  AUTO         yes accept, no reject"
    );
}

#[test]
fn a_small_set_is_judged_by_the_kernel_and_a_large_one_here() {
    let prefixes = [
        network([10, 0, 0, 0].into(), 8),
        network([0; 16].into(), 64),
    ];
    let of_peers = |is_large| {
        term(Term::Set {
            end: End::Peer,
            name: "bad".to_owned(),
            set: std::sync::Arc::new(set(&prefixes, is_large)),
        })
    };
    let small = plan(&of_peers(false));
    assert_eq!((small.kernel, small.rest), (Some(of_peers(false)), None));
    assert!(small.passes[0].program.is_some());
    let large = plan(&of_peers(true));
    assert_eq!((large.kernel, large.rest), (None, Some(of_peers(true))));
    assert_eq!(large.passes[0].program, None);
    let both = plan(&Expr::And(vec![not(of_peers(true)), peer_port(80)]));
    assert_eq!(both.kernel, Some(peer_port(80)));
    assert_eq!(both.rest, Some(not(of_peers(true))));
}

#[test]
fn nothing_is_asked_of_an_empty_set() {
    let empty = term(Term::Set {
        end: End::Either,
        name: "no-one".to_owned(),
        set: std::sync::Arc::default(),
    });
    assert!(plan(&empty).passes.is_empty());
    assert_eq!(plan(&not(empty)).passes[0].program, None);
}
