//! The kernel's audit and interpreter of programs, after `net/ipv4/inet_diag.c` of Linux 6.18: on
//! bytes, with its own arithmetic of lengths, so that it shares nothing with what writes them.

use std::net::IpAddr;

use rustix::io::Errno;

/// `struct inet_diag_entry`: what a program sees of a socket.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) family: u8,
    /// Local and peer, as is `ports`.
    pub(crate) addresses: [[u8; 16]; 2],
    pub(crate) ports: [u16; 2],
    pub(crate) interface: u32,
    pub(crate) mark: u32,
    pub(crate) cgroup: u64,
    /// True without `SOCK_BINDPORT_LOCK`: the kernel chose the port.
    pub(crate) auto: bool,
}

impl Entry {
    /// Creates the socket of both ends' addresses, in its own family.
    pub(crate) fn new(addresses: [IpAddr; 2], ports: [u16; 2]) -> Self {
        let bytes = |address| match address {
            IpAddr::V4(address) => {
                let mut bytes = [0; 16];
                bytes[..4].copy_from_slice(&address.octets());
                bytes
            }
            IpAddr::V6(address) => address.octets(),
        };
        Self {
            family: if addresses[0].is_ipv4() { 2 } else { 10 },
            addresses: addresses.map(bytes),
            ports,
            interface: 0,
            mark: 0,
            cgroup: 0,
            auto: false,
        }
    }
}

/// Audits a program, as `inet_diag_bc_audit` does.
pub(crate) fn audit(program: &[u8], net_admin: bool) -> Result<(), Errno> {
    if program.len() < 4 {
        return Err(Errno::INVAL);
    }
    let mut position = 0;
    while position < program.len() {
        let left = program.len() - position;
        let operation = program.get(position..position + 4).ok_or(Errno::INVAL)?;
        let (code, yes, no) = read(operation);
        let shortest = match code {
            0 | 1 | 6 => 4,
            2..=5 | 9 | 11 | 12 => 8,
            7 | 8 => {
                let family = program.get(position + 4).ok_or(Errno::INVAL)?;
                let address = match family {
                    0 => 0,
                    2 => 4,
                    10 => 16,
                    _ => return Err(Errno::INVAL),
                };
                let prefix = program.get(position + 5).ok_or(Errno::INVAL)?;
                if usize::from(*prefix) > 8 * address {
                    return Err(Errno::INVAL);
                }
                12 + address
            }
            10 if !net_admin => return Err(Errno::PERM),
            10 | 13 => 12,
            _ => return Err(Errno::INVAL),
        };
        let valid =
            |distance: usize| distance >= shortest && distance <= left + 4 && distance % 4 == 0;
        if shortest > left || !valid(yes) {
            return Err(Errno::INVAL);
        }
        if code != 0 && (!valid(no) || (no < left && !is_met(program, position + no))) {
            return Err(Errno::INVAL);
        }
        position += yes;
    }
    if position == program.len() {
        Ok(())
    } else {
        Err(Errno::INVAL)
    }
}

/// Returns true where following `yes` from the beginning leads there: `valid_cc`.
fn is_met(program: &[u8], place: usize) -> bool {
    let mut position = 0;
    while position < place {
        let Some(operation) = program.get(position..position + 4) else {
            return false;
        };
        let (_, yes, _) = read(operation);
        if yes < 4 || yes % 4 != 0 {
            return false;
        }
        position += yes;
    }
    position == place
}

/// Runs an audited program, as `inet_diag_bc_run` does.
pub(crate) fn run(program: &[u8], entry: &Entry) -> bool {
    let mut position = 0;
    while position < program.len() {
        let (code, yes, no) = read(&program[position..]);
        let operand = &program[position + 4..];
        let port = || usize::from(u16::from_ne_bytes([operand[2], operand[3]]));
        let word = |at: usize| u32::from_ne_bytes(operand[at..at + 4].try_into().expect(AUDITED));
        let [local, peer] = entry.ports.map(usize::from);
        let holds = match code {
            0 => true,
            1 => false,
            2 => local >= port(),
            3 => local <= port(),
            4 => peer >= port(),
            5 => peer <= port(),
            6 => entry.auto,
            7 => host(operand, entry, 0),
            8 => host(operand, entry, 1),
            9 => entry.interface == word(0),
            10 => entry.mark & word(4) == word(0),
            11 => local == port(),
            12 => peer == port(),
            13 => entry.cgroup == u64::from_ne_bytes(operand[..8].try_into().expect(AUDITED)),
            code => panic!("operation {code}"),
        };
        position += if holds { yes } else { no };
    }
    position == program.len()
}

fn host(condition: &[u8], entry: &Entry, side: usize) -> bool {
    let (family, length) = (condition[0], usize::from(condition[1]));
    let port = i32::from_ne_bytes(condition[4..8].try_into().expect(AUDITED));
    if port != -1 && port != i32::from(entry.ports[side]) {
        return false;
    }
    let wanted = &condition[8..];
    let address = &entry.addresses[side];
    if family != 0 && family != entry.family {
        return entry.family == 10
            && family == 2
            && address[..12] == [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]
            && begins(&address[12..], wanted, length);
    }
    begins(address, wanted, length)
}

/// Compares the first bits: `bitstring_match`.
fn begins(address: &[u8], wanted: &[u8], bits: usize) -> bool {
    let bit = |bytes: &[u8], number: usize| bytes[number / 8] >> (7 - number % 8) & 1;
    (0..bits).all(|number| bit(address, number) == bit(wanted, number))
}

fn read(operation: &[u8]) -> (u8, usize, usize) {
    let no = u16::from_ne_bytes([operation[2], operation[3]]);
    (operation[0], operation[1].into(), no.into())
}

const AUDITED: &str = "a program is audited before it is run";
