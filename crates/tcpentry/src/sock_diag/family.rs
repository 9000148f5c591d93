//! Address families as they stand on the wire: in one byte.

use rustix::net::AddressFamily;

pub(super) const AF_UNSPEC: u8 = byte(AddressFamily::UNSPEC);
pub(crate) const AF_INET: u8 = byte(AddressFamily::INET);
pub(crate) const AF_INET6: u8 = byte(AddressFamily::INET6);

const fn byte(family: AddressFamily) -> u8 {
    let [low, high] = family.as_raw().to_le_bytes();
    assert!(high == 0, "the kernel has no such family");
    low
}
