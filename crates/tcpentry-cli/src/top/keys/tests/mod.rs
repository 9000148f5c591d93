//! Each key does what the help says, and nothing but `y`, or the number of many, confirms a deletion.

mod any;

use std::net::IpAddr;

use crossterm::event::{
    Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEvent, MouseEventKind,
};
use tcpentry::delete::Ending;
use tcpentry::{Method, Pair, State};

use super::super::message::{SeekStep, SocketKind, Update, WorkerCommand};
use super::super::model::HostName;
use super::super::model::testing::{row, row_of};
use super::super::state::{Focus, KeptSettings, TerminalRequest};
use super::super::testing::{Desk, problem};
use super::super::view::HELP;
use crate::args::{Grouping, Palette, TopColumn};

/// Returns a screen with five connections, all visible.
fn desk() -> Desk {
    let mut desk = Desk::with((1..=5).map(row).collect());
    desk.draw(120, 20);
    desk
}

/// Returns a screen after one deletion.
fn with_a_log() -> Desk {
    let mut desk = desk();
    let serial = desk.open_preview(&[]);
    desk.type_in("y");
    let target = desk
        .top
        .deletion
        .preview
        .as_ref()
        .unwrap()
        .items
        .as_ref()
        .unwrap()[0]
        .target
        .clone();
    let (target, result) = (Box::new(target), Ok(Ending::foreseen(Method::SockDiag)));
    desk.receive(Update::Outcome {
        serial,
        target,
        result,
    });
    desk.receive(Update::Done { serial });
    desk.requested();
    desk
}

/// The keys of a line of the help, and a check that they do what it says.
type Proof = (&'static str, fn(&mut Desk));

/// The checks for each line of the help, in its order.
const PROOFS: &[Proof] = &[
    ("/", |desk| {
        desk.type_in("/100.3");
        assert_eq!(desk.lines(), [3], "while it is typed");
        desk.press(KeyCode::Enter);
        assert_eq!((desk.lines(), desk.top.focus), (vec![3], Focus::Table));
        desk.type_in("/443");
        assert_eq!(desk.lines(), [1, 2, 3, 4, 5]);
        desk.press(KeyCode::Tab);
        assert_eq!(desk.requested_filter().1, "port = :443");
        desk.press(KeyCode::Esc);
        assert_eq!(
            (desk.requested_filter().1, desk.top.focus),
            (String::new(), Focus::Table)
        );
        assert_eq!(desk.lines(), [3], "the one before");
        desk.type_in("/");
        desk.press(KeyCode::Up);
        assert_eq!(desk.top.filter.edit.text(), "100.3");
    }),
    ("=  !", |desk| {
        desk.type_in("=");
        assert_eq!(desk.top.focus, Focus::Cells);
        desk.type_in("e");
        assert_eq!(desk.requested_filter().1, "user root");
        desk.type_in("!");
        desk.press(KeyCode::Enter);
        let (serial, text) = desk.requested_filter();
        assert_eq!(text, "user root and not dst 198.51.100.1", "sorted by peer");
        desk.receive(Update::Filter {
            serial,
            result: Ok(()),
        });
        assert_eq!(
            (desk.top.focus, &desk.top.filter.applied),
            (Focus::Table, &text)
        );
        desk.type_in("=");
        desk.press(KeyCode::Esc);
        assert_eq!(desk.top.focus, Focus::Table);
    }),
    ("N", |desk| {
        let mut rows: Vec<_> = (1..=5).map(row).collect();
        for row in &mut rows {
            row.names_mut().netns = Some("blue".into());
        }
        rows[1].names_mut().unit = Some("docker:3f9c1a675236".into());
        desk.read(rows);
        desk.type_in("N");
        assert!(
            matches!(&desk.requested()[..], [WorkerCommand::AllNamespaces(true)]),
            "there was no filter"
        );
        let screen = desk.draw(80, 20);
        assert!(screen.contains("> netns blue"), "{screen}");
        desk.press(KeyCode::Down);
        desk.press(KeyCode::Enter);
        assert_eq!(desk.requested_filter().1, "container docker:3f9c1a675236");
        assert_eq!(desk.top.focus, Focus::Table);
    }),
    ("Esc", |desk| {
        desk.apply_filter("port = :1");
        desk.type_in(" ");
        desk.press(KeyCode::Esc);
        assert!(desk.marked().is_empty() && !desk.top.filter.applied.is_empty());
        desk.press(KeyCode::Esc);
        assert_eq!(desk.requested_filter().1, "");
    }),
    ("s", |desk| {
        desk.type_in("s");
        assert_eq!(desk.top.kind, SocketKind::Listening);
        desk.type_in("s");
        assert_eq!(desk.top.kind, SocketKind::All);
    }),
    ("a", |desk| {
        desk.type_in("a");
        assert!(matches!(
            &desk.requested()[..],
            [WorkerCommand::AllNamespaces(true)]
        ));
    }),
    ("Space", |desk| {
        desk.type_in(" ");
        assert_eq!(desk.marked(), [1]);
        desk.press(KeyCode::Tab);
        desk.show_again();
        desk.top.table.move_to(0);
        desk.type_in(" ");
        assert_eq!(desk.marked(), [1, 2, 3, 4, 5]);
    }),
    ("*  u", |desk| {
        desk.type_in("*");
        assert_eq!(desk.marked(), [1, 2, 3, 4, 5]);
        desk.type_in("u");
        assert!(desk.marked().is_empty());
    }),
    ("d, Del", |desk| {
        for key in [KeyCode::Char('d'), KeyCode::Delete] {
            desk.press(key);
            assert_eq!(desk.requested_preview().1.len(), 1);
            desk.press(KeyCode::Esc);
        }
        desk.open_preview(&[]);
        desk.type_in("y");
        assert_eq!(desk.requested_deletions(), [[1]]);
    }),
    ("h", |desk| {
        desk.open_preview(&[]);
        desk.type_in("h");
        assert!(
            desk.draw(80, 20)
                .contains("and hold off 198.51.100.1 for 10m?  y / n")
        );
        assert!(desk.requested().is_empty(), "only y confirms");
        desk.type_in("y");
        let commands = desk.requested();
        let [
            WorkerCommand::Delete { .. },
            WorkerCommand::Hold { services, .. },
        ] = &commands[..]
        else {
            panic!("{commands:?}");
        };
        let terms: Vec<_> = services.iter().map(|(_, it)| it.term()).collect();
        assert_eq!(terms, ["dst 198.51.100.1 and sport = :443"]);
        desk.type_in("x");
        assert!(matches!(&desk.requested()[..], [WorkerCommand::EndHolds]));
    }),
    ("x", |desk| {
        desk.set_pace("--rate 1/s");
        desk.type_in("*");
        desk.open_preview(&[]);
        desk.type_in("y");
        assert!(desk.top.deletion.waiting() > 0);
        desk.type_in("x");
        assert_eq!(desk.top.deletion.waiting(), 0);
    }),
    ("l", |desk| {
        *desk = with_a_log();
        desk.type_in("l");
        assert_eq!(desk.top.focus, Focus::Log);
        desk.type_in("s");
        assert_eq!(desk.top.focus, Focus::Save);
        let name = desk.top.log.file_name.text();
        desk.press(KeyCode::Enter);
        assert_eq!(desk.top.request, Some(TerminalRequest::Save(name)));
    }),
    ("Up Down  k j", |desk| {
        let moves = [
            (KeyCode::Char('G'), 4),
            (KeyCode::Up, 3),
            (KeyCode::Char('k'), 2),
            (KeyCode::Char('g'), 0),
            (KeyCode::Down, 1),
            (KeyCode::Char('j'), 2),
            (KeyCode::End, 4),
            (KeyCode::Home, 0),
            (KeyCode::PageDown, 4),
            (KeyCode::PageUp, 0),
            (KeyCode::Up, 0),
        ];
        for (key, line) in moves {
            desk.press(key);
            assert_eq!(desk.top.table.cursor, line, "{key:?}");
        }
        desk.happen(&mouse(MouseEventKind::ScrollDown, 0, 0));
        assert_eq!(desk.top.table.cursor, 3);
        desk.happen(&mouse(MouseEventKind::ScrollUp, 0, 0));
        assert_eq!(desk.top.table.cursor, 0);
    }),
    ("Left Right", |desk| {
        desk.draw(80, 20);
        desk.press(KeyCode::Right);
        assert_eq!(desk.top.columns.offset(), 1);
        desk.press(KeyCode::Left);
        assert_eq!(desk.top.columns.offset(), 0);
    }),
    ("F", |desk| {
        desk.type_in("F");
        assert!(desk.top.table.is_following());
        desk.type_in("F");
        assert!(!desk.top.table.is_following());
    }),
    ("Enter  i", |desk| {
        for key in [KeyCode::Enter, KeyCode::Char('i')] {
            desk.press(key);
            assert_eq!(desk.top.focus, Focus::Details, "{key:?}");
            desk.press(KeyCode::Esc);
        }
        desk.press(KeyCode::Tab);
        desk.show_again();
        desk.top.table.move_to(0);
        desk.press(KeyCode::Enter);
        assert_eq!(desk.lines(), [0, 1, 2, 3, 4, 5]);
    }),
    ("n", |desk| {
        desk.top.request_names(desk.now);
        assert_eq!(desk.top.names.take_request(), None, "not before it");
        desk.type_in("n");
        desk.top.request_names(desk.now);
        let peers = (1..=5).map(|it| IpAddr::from([198, 51, 100, it]));
        let peers: Vec<_> = peers.collect();
        assert_eq!(desk.top.names.take_request(), Some(peers.clone()));
        desk.receive(Update::HostName {
            address: peers[1],
            name: HostName::of("db.example"),
        });
        let screen = desk.draw(80, 20);
        assert!(screen.contains("db.example:50000"), "{screen}");
        desk.type_in("n");
        let screen = desk.draw(80, 20);
        assert!(screen.contains("198.51.100.2:50000"), "{screen}");
    }),
    ("b", |desk| {
        let mut server = row(6);
        let pair = row(1).connection.pair;
        server.connection.pair = Pair::new(pair.peer(), pair.local()).unwrap();
        desk.read((1..=5).map(row).chain([server]).collect());
        let count = |desk: &Desk| (desk.lines().len(), desk.top.table.present());
        assert_eq!(count(desk), (6, 6));
        desk.type_in("b");
        assert_eq!(count(desk), (5, 5));
        desk.type_in("b");
        assert_eq!(count(desk), (6, 6));
    }),
    ("Tab", |desk| {
        use Grouping::{Netns, Network, None, Peer, Port, Process, State, Unit, User};
        for grouping in [Process, User, Peer, Network, Port, Unit, Netns, State, None] {
            desk.press(KeyCode::Tab);
            desk.show_again();
            assert_eq!(desk.top.table.arrangement.grouping, grouping);
        }
        desk.press(KeyCode::BackTab);
        assert_eq!(desk.top.table.arrangement.grouping, State);
    }),
    ("o", |desk| {
        desk.type_in("o");
        let drawn = desk.draw(80, 24);
        assert!(
            drawn.contains(" d  IDLE") && !drawn.contains("COUNT"),
            "{drawn}"
        );
        desk.type_in("d");
        let by = |desk: &Desk| {
            let arrangement = desk.top.table.arrangement;
            (arrangement.by, arrangement.descending)
        };
        assert_eq!(by(desk), (TopColumn::Idle, true));
        desk.type_in("od");
        assert_eq!(by(desk), (TopColumn::Idle, false), "the other way round");
        desk.type_in("o");
        desk.press(KeyCode::Esc);
        assert_eq!(desk.top.focus, Focus::Table);
    }),
    ("<  >", |desk| {
        desk.type_in("<");
        assert_eq!(desk.top.table.arrangement.by, TopColumn::Local);
        desk.type_in(">>");
        assert_eq!(desk.top.table.arrangement.by, TopColumn::Process);
        let last = desk.top.columns.shown.len() - 1;
        desk.type_in(&">".repeat(last - 2));
        assert_eq!(
            desk.top.table.arrangement.by,
            TopColumn::State,
            "round and round"
        );
        desk.type_in("<");
        assert_eq!(desk.top.table.arrangement.by, desk.top.columns.shown[last]);
    }),
    ("r", |desk| {
        desk.type_in("r");
        assert_eq!(desk.lines(), [5, 4, 3, 2, 1]);
        desk.type_in("r");
        assert_eq!(desk.lines(), [1, 2, 3, 4, 5]);
    }),
    ("c", |desk| {
        desk.type_in("c");
        assert_eq!(desk.top.focus, Focus::Columns);
        desk.type_in(" ");
        assert!(!desk.top.columns.shown.contains(&TopColumn::State));
        desk.top.columns.cursor = 0;
        desk.press(KeyCode::Right);
        assert_eq!(
            desk.top.columns.shown[..2],
            [TopColumn::Peer, TopColumn::Local]
        );
        desk.press(KeyCode::Esc);
        assert_eq!(desk.top.focus, Focus::Table);
    }),
    ("e  E", |desk| {
        desk.read((1..=4).map(row).collect());
        assert_eq!(desk.lines(), [1, 2, 3, 4, 5]);
        desk.type_in("e");
        assert_eq!(desk.lines(), [1, 2, 3, 4]);
        desk.type_in("e");
        assert_eq!(desk.lines(), [1, 2, 3, 4, 5]);
        desk.type_in("E");
        assert_eq!(desk.top.focus, Focus::Left);
        assert!(desk.draw(120, 20).contains("the last 1 that left"));
        desk.press(KeyCode::Esc);
        assert_eq!(desk.top.focus, Focus::Table);
    }),
    ("p", |desk| {
        desk.type_in("p");
        assert!(matches!(
            &desk.requested()[..],
            [WorkerCommand::Every(None)]
        ));
        desk.type_in("p");
        assert!(matches!(
            &desk.requested()[..],
            [WorkerCommand::Every(Some(_))]
        ));
    }),
    (",  .  [  ]", |desk| {
        desk.type_in(",");
        assert!(desk.requested().is_empty(), "it is no replay");
        desk.top.is_replay = true;
        desk.type_in("]");
        assert!(matches!(
            &desk.requested()[..],
            [WorkerCommand::Seek(SeekStep::MinuteOn)]
        ));
        desk.type_in(",");
        assert!(matches!(
            &desk.requested()[..],
            [
                WorkerCommand::Every(None),
                WorkerCommand::Seek(SeekStep::FrameBefore)
            ]
        ));
    }),
    ("+  -", |desk| {
        let before = desk.top.pace.interval;
        desk.type_in("+");
        assert!(desk.top.pace.interval > before);
        desk.type_in("--");
        assert!(desk.top.pace.interval < before);
        desk.requested();
        desk.press(KeyCode::F(5));
        assert!(matches!(&desk.requested()[..], [WorkerCommand::Refresh]));
    }),
    ("W  T", |desk| {
        desk.type_in("T");
        assert_eq!(desk.top.palette, Palette::Light);
        desk.type_in("r+W");
        let Some(TerminalRequest::Keep(kept)) = desk.top.request.take() else {
            panic!("it is not kept");
        };
        let expected = KeptSettings {
            columns: TopColumn::DEFAULT.to_vec(),
            sort: Some(TopColumn::Peer),
            reverse: true,
            interval: Some(std::time::Duration::from_secs(2)),
            group: Some(Grouping::None),
            theme: Some(Palette::Light),
        };
        assert_eq!(kept, expected);
    }),
    ("Ctrl-Z", |desk| {
        desk.press_with(KeyCode::Char('z'), KeyModifiers::CONTROL);
        assert_eq!(desk.top.request, Some(TerminalRequest::Suspend));
    }),
    ("Ctrl-L", |desk| {
        desk.press_with(KeyCode::Char('l'), KeyModifiers::CONTROL);
        assert_eq!(desk.top.request, Some(TerminalRequest::Redraw));
    }),
    ("q, Ctrl-C", |desk| {
        desk.type_in("q");
        assert_eq!(desk.top.request.take(), Some(TerminalRequest::Quit));
        desk.press_with(KeyCode::Char('c'), KeyModifiers::CONTROL);
        assert_eq!(desk.top.request, Some(TerminalRequest::Quit));
    }),
];

#[test]
fn each_key_does_what_the_help_says() {
    let signs = HELP.iter().position(|line| *line == ("", "Signs"));
    let keys = HELP[..signs.unwrap()].iter().map(|(key, _)| *key);
    let keys: Vec<_> = keys.filter(|key| !key.trim().is_empty()).collect();
    let proven: Vec<_> = PROOFS.iter().map(|(key, _)| *key).collect();
    assert_eq!(keys, proven, "each has its check");
    for (key, prove) in PROOFS {
        println!("{key}");
        prove(&mut desk());
    }
}

#[test]
fn the_help_comes_and_goes_from_everywhere() {
    for open in ["", "d", "\n", "c", "l"] {
        let mut desk = desk();
        for c in open.chars() {
            desk.press(if c == '\n' {
                KeyCode::Enter
            } else {
                KeyCode::Char(c)
            });
        }
        let mode = desk.top.focus;
        for key in [KeyCode::Char('?'), KeyCode::F(1)] {
            desk.press(key);
            assert_eq!(desk.top.focus, Focus::Help);
            desk.draw(80, 5);
            desk.type_in("jjG ");
            assert!(desk.top.help.scroll.offset > 0);
            desk.press(KeyCode::Esc);
            assert_eq!(desk.top.focus, mode);
        }
    }
    let mut desk = desk();
    desk.type_in("/?");
    assert_eq!(desk.top.filter.edit.text(), "?");
}

/// Returns all keys that a terminal can send without modifiers.
fn keys() -> Vec<KeyCode> {
    let mut keys: Vec<_> = (' '..='~')
        .chain(['ä', '日', 'у'])
        .map(KeyCode::Char)
        .collect();
    keys.extend((1..=24).map(KeyCode::F));
    keys.extend([
        KeyCode::Enter,
        KeyCode::Esc,
        KeyCode::Tab,
        KeyCode::BackTab,
        KeyCode::Backspace,
        KeyCode::Delete,
        KeyCode::Insert,
        KeyCode::Up,
        KeyCode::Down,
        KeyCode::Left,
        KeyCode::Right,
        KeyCode::Home,
        KeyCode::End,
        KeyCode::PageUp,
        KeyCode::PageDown,
        KeyCode::Null,
    ]);
    keys
}

#[test]
fn only_y_confirms_a_deletion() {
    let all = [
        KeyModifiers::NONE,
        KeyModifiers::SHIFT,
        KeyModifiers::CONTROL,
        KeyModifiers::ALT,
        KeyModifiers::ALT | KeyModifiers::CONTROL,
        KeyModifiers::SUPER,
    ];
    for modifiers in all {
        for key in keys() {
            if key == KeyCode::Char('y') && (KeyModifiers::SHIFT).contains(modifiers) {
                continue;
            }
            let mut desk = desk();
            desk.open_preview(&[]);
            desk.press_with(key, modifiers);
            assert!(
                desk.requested_deletions().is_empty(),
                "{modifiers:?} {key:?}"
            );
        }
    }
}

#[test]
fn only_in_a_preview_that_is_seen_a_key_deletes() {
    for before in keys() {
        let mut desk = desk();
        desk.press(before);
        desk.draw(80, 24);
        desk.type_in("y");
        desk.press(KeyCode::Enter);
        desk.type_in("y");
        assert!(desk.requested_deletions().is_empty(), "{before:?}");
    }
}

#[test]
fn ctrl_c_ends_and_ctrl_z_suspends_from_everywhere() {
    for open in ["", "/", "d", "i", "?", "c", "l"] {
        let mut desk = desk();
        desk.type_in(open);
        desk.press_with(KeyCode::Char('c'), KeyModifiers::CONTROL);
        assert_eq!(
            desk.top.request.take(),
            Some(TerminalRequest::Quit),
            "{open}"
        );
        desk.press_with(KeyCode::Char('z'), KeyModifiers::CONTROL);
        assert_eq!(desk.top.request, Some(TerminalRequest::Suspend), "{open}");
        assert!(desk.requested_deletions().is_empty());
    }
}

#[test]
fn a_letter_with_a_modifier_is_not_that_letter() {
    for modifiers in [KeyModifiers::CONTROL, KeyModifiers::ALT] {
        for key in 'a'..='z' {
            let mut desk = desk();
            desk.press_with(KeyCode::Char(key), modifiers);
            assert_eq!(desk.top.focus, Focus::Table, "{key}");
            assert!(desk.requested().is_empty(), "{key}");
        }
    }
}

#[test]
fn what_is_pasted_is_text_and_never_keys() {
    let paste = Event::Paste("*dyq\r\nd y\u{1b}[2J".to_owned());
    for open in ["", "d", "i", "?", "c", "l"] {
        let mut desk = desk();
        desk.type_in(open);
        let mode = desk.top.focus;
        desk.requested();
        desk.happen(&paste);
        assert_eq!((desk.top.focus, &desk.top.request), (mode, &None), "{open}");
        assert!(desk.requested().is_empty() && desk.marked().is_empty());
    }
    let mut previewed = desk();
    previewed.open_preview(&[]);
    previewed.happen(&paste);
    assert!(previewed.requested_deletions().is_empty());
    let mut desk = desk();
    desk.type_in("/");
    desk.happen(&paste);
    let typed = desk.top.filter.edit.text();
    assert_eq!(typed, "*dyq  d y[2J", "without controls");
    assert_eq!(desk.top.focus, Focus::Filter, "a line's end does not enter");
}

#[test]
fn a_key_that_is_let_go_does_nothing() {
    let mut desk = desk();
    desk.open_preview(&[]);
    let mut key = KeyEvent::new(KeyCode::Char('y'), KeyModifiers::NONE);
    key.kind = KeyEventKind::Release;
    desk.happen(&Event::Key(key));
    assert!(desk.requested_deletions().is_empty());
    key.code = KeyCode::Char('c');
    key.modifiers = KeyModifiers::CONTROL;
    desk.happen(&Event::Key(key));
    assert_eq!(desk.top.request, None);
}

/// Drawing takes the new size into account; the event must not replace a request made just before.
#[test]
fn another_size_asks_for_nothing() {
    let mut desk = desk();
    desk.type_in("q");
    desk.happen(&Event::Resize(10, 10));
    assert_eq!(desk.top.request, Some(TerminalRequest::Quit));
}

// The line of the filter.

#[test]
fn keys_of_the_table_are_text_in_the_filter() {
    let mut desk = desk();
    desk.type_in("/dyq*? ");
    assert_eq!(desk.top.filter.edit.text(), "dyq*? ");
    assert_eq!(desk.top.request, None);
    assert!(desk.requested_deletions().is_empty());
    assert!(desk.lines().is_empty());
    desk.press_with(KeyCode::Char('u'), KeyModifiers::CONTROL);
    assert_eq!(desk.lines(), [1, 2, 3, 4, 5]);
}

#[test]
fn to_move_in_the_text_asks_nothing() {
    let mut desk = desk();
    desk.type_in("/443");
    desk.requested();
    for key in [KeyCode::Left, KeyCode::Home, KeyCode::Right, KeyCode::End] {
        desk.press(key);
    }
    desk.press(KeyCode::Delete);
    assert!(desk.requested().is_empty(), "nothing has changed");
    desk.press(KeyCode::Down);
    assert_eq!(desk.current(), Some(2), "the table is seen meanwhile");
}

#[test]
fn an_error_is_forgotten_with_the_line() {
    let mut desk = desk();
    desk.type_in("/not x");
    let (serial, _) = desk.requested_filter();
    let result = Err(problem(0, 1));
    desk.receive(Update::Filter { serial, result });
    desk.press(KeyCode::Esc);
    desk.type_in("/");
    assert_eq!(desk.top.filter.problem, None);
}

// The log, and its file.

#[test]
fn an_empty_log_is_not_saved() {
    let mut desk = desk();
    desk.type_in("ls");
    assert_eq!(desk.top.focus, Focus::Log);
    desk.press(KeyCode::Esc);
    assert_eq!(desk.top.focus, Focus::Table);
}

#[test]
fn the_name_of_the_file_is_typed() {
    let mut desk = with_a_log();
    desk.type_in("ls");
    desk.press_with(KeyCode::Char('u'), KeyModifiers::CONTROL);
    desk.press(KeyCode::Enter);
    assert_eq!(desk.top.request, None, "there is no file without a name");
    desk.type_in("s");
    desk.press_with(KeyCode::Char('u'), KeyModifiers::CONTROL);
    desk.type_in("qy.log");
    desk.press(KeyCode::Enter);
    let save = TerminalRequest::Save("qy.log".to_owned());
    assert_eq!(desk.top.request.take(), Some(save));
    desk.type_in("s");
    desk.press(KeyCode::Esc);
    assert_eq!((desk.top.focus, &desk.top.request), (Focus::Log, &None));
}

// The columns.

#[test]
fn a_table_keeps_a_column() {
    let mut desk = desk();
    desk.type_in("c");
    for _ in TopColumn::all() {
        desk.top.columns.cursor = 0;
        desk.type_in(" ");
    }
    assert_eq!(desk.top.columns.shown.len(), 1);
    desk.press(KeyCode::Esc);
    desk.type_in("<>");
    desk.draw(80, 24);
}

#[test]
fn the_choice_stays_on_its_column() {
    let mut desk = desk();
    desk.type_in("cj");
    let column = desk.top.columns.choices()[1];
    let chosen = |desk: &Desk| desk.top.columns.choices()[desk.top.columns.cursor];
    desk.press(KeyCode::Right);
    assert_eq!((chosen(&desk), desk.top.columns.cursor), (column, 2));
    desk.type_in(" ");
    assert_eq!(chosen(&desk), column);
    desk.type_in(" ");
    assert_eq!(chosen(&desk), column);
    assert_eq!(desk.top.columns.shown.last(), Some(&column));
    desk.type_in("s");
    assert_eq!(desk.top.table.arrangement.by, column);
}

// The mouse.

#[test]
fn a_click_on_the_total_of_a_state_shows_only_those() {
    let mut rows: Vec<_> = (1..=5).map(row).collect();
    rows[1] = row_of(2, State::CloseWait);
    let mut desk = Desk::with(rows);
    desk.draw(80, 24);
    click(&mut desk, 9, 1);
    assert_eq!(desk.requested_filter().1, "state established");
    click(&mut desk, 70, 1);
    assert!(desk.requested().is_empty());
}

fn mouse(kind: MouseEventKind, column: u16, row: u16) -> Event {
    Event::Mouse(MouseEvent {
        kind,
        column,
        row,
        modifiers: KeyModifiers::NONE,
    })
}

fn click(desk: &mut Desk, column: u16, row: u16) {
    let left = MouseEventKind::Down(MouseButton::Left);
    desk.happen(&mouse(left, column, row));
    desk.happen(&mouse(MouseEventKind::Up(MouseButton::Left), column, row));
}

/// Returns the position of a text on the screen.
fn place_of(desk: &mut Desk, text: &str) -> (u16, u16) {
    let drawn = desk.draw(120, 20);
    let mut lines = (0..).zip(drawn.lines());
    let place = lines.find_map(|(y, line)| Some((line.find(text)?, y)));
    let (x, y) = place.unwrap_or_else(|| panic!("{text} in\n{drawn}"));
    (u16::try_from(x).unwrap(), y)
}

#[test]
fn a_click_chooses_the_row_below_it_and_another_opens_it() {
    let mut desk = desk();
    let (x, y) = place_of(&mut desk, "198.51.100.4");
    click(&mut desk, x, y);
    assert_eq!(desk.current(), Some(4));
    click(&mut desk, 0, y);
    assert_eq!(desk.top.focus, Focus::Details);
}

#[test]
fn a_click_is_on_what_is_drawn_also_after_scrolling_and_below_a_filter() {
    let mut desk = Desk::with((1..=99).map(row).collect());
    desk.apply_filter("port = :443");
    desk.press(KeyCode::End);
    let (x, y) = place_of(&mut desk, "198.51.100.93");
    click(&mut desk, x, y);
    assert_eq!(desk.current(), Some(93));
}

#[test]
fn a_click_on_nothing_does_nothing() {
    let mut desk = desk();
    desk.draw(120, 20);
    for y in [0, 10, 18, 19, 20, 500] {
        for x in [0, 60, 119, 120, 500] {
            click(&mut desk, x, y);
            assert_eq!((desk.current(), desk.top.focus), (Some(1), Focus::Table));
        }
    }
    let right = MouseEventKind::Down(MouseButton::Right);
    let (x, y) = place_of(&mut desk, "198.51.100.4");
    desk.happen(&mouse(right, x, y));
    assert_eq!(desk.current(), Some(1));
    assert!(desk.requested().is_empty());
}

/// Returns the place of a column's title; the first line may name the column as well.
fn title_of(desk: &mut Desk, title: &str) -> (u16, u16) {
    let drawn = desk.draw(120, 20);
    let at = drawn.lines().nth(1).unwrap().find(title).unwrap();
    (u16::try_from(at).unwrap(), 1)
}

#[test]
fn a_click_on_a_title_sorts_and_another_turns_round() {
    let mut desk = desk();
    for (title, column) in [
        ("STATE", TopColumn::State),
        ("LOCAL", TopColumn::Local),
        ("IDLE", TopColumn::Idle),
        ("UNIT", TopColumn::Unit),
    ] {
        let (x, y) = title_of(&mut desk, title);
        click(&mut desk, x, y);
        assert_eq!(desk.top.table.arrangement.by, column);
        let first = desk.top.table.arrangement.descending;
        assert_eq!(first, column.format().largest_first);
        let (x, y) = title_of(&mut desk, title);
        click(&mut desk, x, y);
        assert_eq!(desk.top.table.arrangement.descending, !first, "{title}");
    }
}

#[test]
fn the_mouse_confirms_nothing_and_scrolls_what_is_shown() {
    let mut desk = Desk::with((1..=99).map(|it| row_of(it, State::CloseWait)).collect());
    desk.type_in("*");
    desk.open_preview(&[]);
    for y in 0..20 {
        for x in 0..120 {
            click(&mut desk, x, y);
        }
    }
    assert!(desk.requested_deletions().is_empty());
    assert_eq!(desk.top.focus, Focus::Preview);
    desk.happen(&mouse(MouseEventKind::ScrollDown, 5, 5));
    assert_eq!(desk.top.deletion.preview.as_ref().unwrap().scroll, 3);
    assert_eq!(desk.top.table.cursor, 0);
}
