//! The counters of TCP and UDP.

use std::ffi::c_void;

use super::boundary::{copy, guarded_result};
use super::structs::Dword;
use crate::code::{Code, NO_ERROR};
use crate::family::Family;
use crate::statistics::{self, Segments};

/// Copies the counters of TCP over IPv4: `GetTcpStatistics(3)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn GetTcpStatistics(statistics: *mut c_void) -> Dword {
    // SAFETY: as below.
    unsafe { GetTcpStatisticsEx(statistics, 2) }
}

/// Copies the counters of TCP over a family: `GetTcpStatisticsEx(3)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn GetTcpStatisticsEx(statistics: *mut c_void, family: Dword) -> Dword {
    // SAFETY: the caller vouches for room for a MIB_TCPSTATS.
    unsafe { store(statistics, family, |it| statistics::tcp(it, Segments::Low)) }
}

/// Copies the counters of TCP over a family, those of segments whole: `GetTcpStatisticsEx2(3)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn GetTcpStatisticsEx2(statistics: *mut c_void, family: Dword) -> Dword {
    // SAFETY: the caller vouches for room for a MIB_TCPSTATS2.
    unsafe {
        store(statistics, family, |it| {
            statistics::tcp(it, Segments::Whole)
        })
    }
}

/// Copies the counters of UDP over IPv4: `GetUdpStatistics(3)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn GetUdpStatistics(statistics: *mut c_void) -> Dword {
    // SAFETY: as below.
    unsafe { GetUdpStatisticsEx(statistics, 2) }
}

/// Copies the counters of UDP over a family: `GetUdpStatisticsEx(3)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn GetUdpStatisticsEx(statistics: *mut c_void, family: Dword) -> Dword {
    // SAFETY: the caller vouches for room for a MIB_UDPSTATS.
    unsafe { store(statistics, family, statistics::udp) }
}

/// Stores the image of a structure of a family.
///
/// # Safety
/// `statistics` must be NULL or have room for the structure.
unsafe fn store(
    statistics: *mut c_void,
    family: Dword,
    image: impl FnOnce(Family) -> Result<Vec<u8>, Code>,
) -> Dword {
    if statistics.is_null() {
        return Code::INVALID_PARAMETER.0;
    }
    let image =
        guarded_result(|| image(Family::from_number(family).ok_or(Code::INVALID_PARAMETER)?));
    match image {
        Ok(image) => {
            // SAFETY: the image is as long as the structure, and the caller vouches for room for one.
            unsafe { copy(&image, statistics) };
            NO_ERROR
        }
        Err(code) => code.0,
    }
}
