//! The worker with the real kernel, in a network namespace of its own.

use std::sync::mpsc::{self, Receiver};

use tcpentry::{Query, TcpTable};
use tcpentry_testkit::{isolated, tcp};

use super::super::model::{Deletability, NotDeleted};
use super::*;

/// Makes a worker of this thread's namespace; returns with it what it sends.
fn worker() -> (Worker, Receiver<Update>) {
    let settings = Settings {
        netns: NetnsArgs::default(),
        select: SelectArgs::default(),
        sets: Sets::new(),
        kind: SocketKind::Connections,
        options: Options::default(),
        own_session: true,
        interval: Duration::from_secs(1),
        arrangement: Arrangement::default(),
    };
    let (updates, sent) = mpsc::channel();
    let (_, commands) = mpsc::channel();
    let send = Box::new(move |update| updates.send(update).is_ok());
    let worker = Worker::new(settings, "", commands, send);
    (worker.ok().expect("a table of this namespace"), sent)
}

/// Returns both ends of a connection, one as a row of this namespace and one as that of a namespace that is no longer shown.
fn targets(here: u32) -> Vec<SocketTarget> {
    let mut table = TcpTable::open().unwrap();
    let rows = table.connections(&Query::default()).unwrap();
    let rows: Vec<_> = rows.map(Result::unwrap).collect();
    assert_eq!(rows.len(), 4);
    let netns = [here, GONE, GONE, here];
    rows.into_iter()
        .zip(netns)
        .map(|(connection, netns)| SocketTarget {
            host: None,
            key: RowKey {
                netns,
                cookie: connection.cookie,
            },
            connection,
            netns: None,
        })
        .collect()
}

fn is_elsewhere(failure: &NotDeleted) -> bool {
    failure.cause == "its network namespace is no longer shown"
}

#[test]
fn each_target_of_a_namespace_that_has_been_left_has_an_outcome() {
    isolated(|| {
        let ends = [tcp::connected(), tcp::connected()];
        let (mut worker, sent) = worker();
        let here = worker.namespaces[0].number;
        let targets = targets(here);
        worker.preview(1, targets.clone());
        let previewed: Vec<_> = sent.try_iter().collect();
        let basis = previewed.iter().find_map(|update| match update {
            Update::Preview { basis, .. } => Some(Arc::clone(basis)),
            _ => None,
        });
        worker.delete(2, targets.clone(), &basis.unwrap(), false);
        let sent = previewed.into_iter().chain(sent.try_iter());
        let mut previewed = 0;
        let mut outcomes = HashMap::new();
        let mut done = false;
        for update in sent {
            match update {
                Update::Preview {
                    serial: 1, items, ..
                } => {
                    previewed = items.len();
                    for item in items {
                        let refused = match &item.deletability {
                            Deletability::By(_) => false,
                            Deletability::No(failure) => is_elsewhere(failure),
                        };
                        assert_eq!(refused, item.target.key.netns == GONE);
                    }
                }
                Update::Outcome {
                    serial: 2,
                    target,
                    result,
                } => {
                    let is_gone = target.key.netns == GONE;
                    assert_eq!(result.as_ref().is_err_and(is_elsewhere), is_gone);
                    assert!(outcomes.insert(target.key, result).is_none(), "one each");
                }
                Update::Done { serial: 2 } => done = true,
                _ => {}
            }
        }
        assert!(done);
        assert_eq!((previewed, outcomes.len()), (4, 4));
        let left = TcpTable::open().unwrap();
        drop((left, ends));
    });
}

/// The number of no namespace.
const GONE: u32 = 77;

#[test]
fn what_the_kernel_says_of_a_connection_does_not_wait_for_its_holders() {
    isolated(|| {
        let _ends = [tcp::connected(), tcp::connected()];
        let (mut worker, sent) = worker();
        let target = targets(worker.namespaces[0].number).swap_remove(0);
        let texts = || -> Vec<(bool, String)> {
            let sent = sent.try_iter().filter_map(|update| match update {
                Update::Details { details, .. } => Some(details),
                _ => None,
            });
            sent.map(|it| (it.reading.is_some(), format!("{:?}", it.sections[0])))
                .collect()
        };
        worker.details = Some(target);
        worker.send_details();
        let pid = format!("pid {}", std::process::id());
        let first = texts();
        let [(true, looking), (true, found)] = &first[..] else {
            panic!("{first:?}");
        };
        assert!(looking.contains("looking for") && !looking.contains(&pid));
        assert!(found.contains(&pid), "{found}");
        // The next one has what is known, also while it is looked for again.
        for took in [Duration::ZERO, Duration::from_secs(60)] {
            worker.held_by.as_mut().unwrap().took = took;
            worker.send_details();
            assert_eq!(texts(), [(true, found.clone())]);
            let again = worker.held_by.as_ref().unwrap().took;
            assert_eq!(again == took, took > Duration::ZERO, "searched again");
        }
    });
}
