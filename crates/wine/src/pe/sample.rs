//! A small DLL for tests, as `winebuild` would mark it.

use tcpentry_testkit::wine_dll;

use super::headers::Machine;

/// Makes a DLL with these exports: each a name and the function's index; the target of a forwarder lies in the directory.
pub(crate) fn dll(machine: Machine, functions: &[Option<&str>], names: &[(&str, u16)]) -> Vec<u8> {
    wine_dll::with_exports(machine == Machine::X86_64, functions, names)
}
