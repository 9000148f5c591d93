use std::sync::{Arc, Mutex};

use super::*;
use crate::sock_diag::{Datagram, HEADER_LENGTH, NLMSG_ERROR};

/// A kernel that gives its answers one after the other, whatever it is asked.
struct Fake {
    answers: Vec<Result<(Vec<u8>, bool), Errno>>,
    questions: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Channel for Fake {
    fn send(&mut self, datagram: &[u8]) -> Result<(), Errno> {
        self.questions.lock().unwrap().push(datagram.to_vec());
        Ok(())
    }

    fn receive(&mut self, buffer: &mut [u8]) -> Result<Datagram, Errno> {
        if self.answers.is_empty() {
            return Err(Errno::AGAIN);
        }
        let (bytes, from_kernel) = self.answers.remove(0)?;
        buffer[..bytes.len()].copy_from_slice(&bytes);
        Ok(Datagram {
            length: bytes.len(),
            from_kernel,
        })
    }
}

/// A kernel on whose host no address is left but those of the loopback network.
struct Abandoned(Option<Vec<u8>>);

impl Channel for Abandoned {
    fn send(&mut self, datagram: &[u8]) -> Result<(), Errno> {
        let sequence = u32::from_ne_bytes(datagram[8..12].try_into().unwrap());
        let has_source = datagram[HEADER_LENGTH + 2] != 0;
        let is_loopback = datagram.ends_with(&[127, 0, 0, 1]);
        self.0 = Some(if has_source && !is_loopback {
            error(sequence, Errno::NETUNREACH)
        } else {
            route(sequence)
        });
        Ok(())
    }

    fn receive(&mut self, buffer: &mut [u8]) -> Result<Datagram, Errno> {
        let bytes = self.0.take().ok_or(Errno::AGAIN)?;
        buffer[..bytes.len()].copy_from_slice(&bytes);
        Ok(Datagram {
            length: bytes.len(),
            from_kernel: true,
        })
    }
}

/// Returns addresses none of which is local, for tests of what follows from that.
pub(crate) fn without_local_addresses() -> LocalAddresses {
    LocalAddresses::over(Some(Abandoned(None)))
}

fn message(kind: u16, sequence: u32, body: &[u8]) -> Vec<u8> {
    let mut bytes = u32::try_from(HEADER_LENGTH + body.len())
        .unwrap()
        .to_ne_bytes()
        .to_vec();
    bytes.extend(kind.to_ne_bytes());
    bytes.extend([0; 2]);
    bytes.extend(sequence.to_ne_bytes());
    bytes.extend([0; 4]);
    bytes.extend(body);
    bytes
}

fn error(sequence: u32, errno: Errno) -> Vec<u8> {
    let number = -errno.raw_os_error();
    message(NLMSG_ERROR, sequence, &number.to_ne_bytes())
}

fn route(sequence: u32) -> Vec<u8> {
    message(RTM_NEWROUTE, sequence, &[2; 12])
}

/// Asks for 192.0.2.1, and returns the answer with the number of questions.
fn asked(answers: Vec<Result<(Vec<u8>, bool), Errno>>) -> (Option<bool>, usize) {
    let questions = Arc::default();
    let fake = Fake {
        answers,
        questions: Arc::clone(&questions),
    };
    let mut addresses = LocalAddresses::over(Some(fake));
    let answer = addresses.is_local(Ipv4Addr::new(192, 0, 2, 1));
    let count = questions.lock().unwrap().len();
    (answer, count)
}

#[test]
fn only_a_kernel_that_takes_some_source_is_believed_to_refuse_another() {
    let kernel = |bytes| Ok((bytes, true));
    assert_eq!(asked(vec![kernel(route(1))]), (Some(true), 1));
    for errno in [Errno::NETUNREACH, Errno::INVAL, Errno::HOSTUNREACH] {
        let refusal = || kernel(error(1, errno));
        let (refused, reliable) = (Some(false), kernel(route(2)));
        assert_eq!(asked(vec![refusal(), reliable]), (refused, 2));
        let all = vec![refusal(), kernel(error(2, errno))];
        assert_eq!(asked(all), (None, 2));
        assert_eq!(asked(vec![refusal()]), (None, 2));
    }
    for errno in [Errno::OPNOTSUPP, Errno::PERM, Errno::NOMEM] {
        assert_eq!(asked(vec![kernel(error(1, errno))]), (None, 1));
    }
}

#[test]
fn what_is_no_answer_says_nothing() {
    let kernel = |bytes| Ok((bytes, true));
    let late = kernel(error(0, Errno::NETUNREACH));
    let stranger = Ok((error(1, Errno::NETUNREACH), false));
    let good = kernel(route(1));
    assert_eq!(asked(vec![late, stranger, good]), (Some(true), 1));
    for length in 0..error(1, Errno::NETUNREACH).len() {
        let cut = error(1, Errno::NETUNREACH)[..length].to_vec();
        assert_eq!(asked(vec![kernel(cut)]), (None, 1), "{length}");
    }
    for number in [0, 1, i32::MIN, -4096] {
        let odd = message(NLMSG_ERROR, 1, &number.to_ne_bytes());
        assert_eq!(asked(vec![kernel(odd)]), (None, 1), "{number}");
    }
    assert_eq!(asked(vec![kernel(message(3, 1, &[]))]), (None, 1));
    assert_eq!(asked(vec![Err(Errno::NOBUFS)]), (None, 1));
    let endless = (0..100).map(|_| kernel(route(7))).collect();
    assert_eq!(asked(endless), (None, 1));
}

#[test]
fn the_loopback_network_is_not_asked_for_and_without_a_channel_nothing_is_known() {
    let mut addresses = LocalAddresses::over(None::<NetlinkSocket>);
    assert_eq!(addresses.is_local(Ipv4Addr::new(127, 9, 9, 9)), Some(true));
    assert_eq!(addresses.is_local(Ipv4Addr::new(192, 0, 2, 1)), None);
    assert!(addresses.may_reach(Ipv4Addr::new(192, 0, 2, 1), None, None));
}

/// Against the real kernel, in a namespace that has nothing but `lo`.
#[test]
fn an_address_of_a_device_or_of_a_local_route_is_local() {
    tcpentry_testkit::isolated(|| {
        let mut addresses = LocalAddresses::over(NetlinkSocket::open_for_routes().ok());
        let [first, second] = [1, 2].map(|last| Ipv4Addr::new(192, 0, 2, last));
        assert_eq!(addresses.is_local(first), Some(false));
        tcpentry_testkit::link::ip(&["addr add 192.0.2.1/32 dev lo"]);
        assert_eq!(addresses.is_local(first), Some(true));
        assert_eq!(addresses.is_local(second), Some(false));
        assert!(!addresses.may_reach(second, None, None));
        tcpentry_testkit::link::ip(&["route add local 192.0.2.0/24 dev lo"]);
        tcpentry_testkit::link::ip(&["addr del 192.0.2.1/32 dev lo"]);
        assert_eq!(addresses.is_local(first), Some(true));
        assert_eq!(addresses.is_local(second), Some(true));
        assert!(addresses.may_reach(second, None, None));
    });
}
