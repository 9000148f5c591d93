//! The headers of a DLL: `IMAGE_NT_HEADERS` and the table of sections.

use super::bytes::{put, put_u32, slice, u16_at, u32_at};
use super::error::PeError;

/// The size of an `IMAGE_SECTION_HEADER`.
pub(super) const SECTION: usize = 40;
/// The offset of the optional header: after the signature and the `IMAGE_FILE_HEADER`.
const OPTIONAL: usize = 24;

/// The processor that a DLL is made for (`IMAGE_FILE_HEADER.Machine`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Machine {
    /// `IMAGE_FILE_MACHINE_AMD64`
    X86_64,
    /// `IMAGE_FILE_MACHINE_I386`
    I686,
}

/// A section: where it is in memory, and in the file.
#[derive(Clone, Debug)]
struct ImageSection {
    name: [u8; 8],
    /// `VirtualAddress`
    address: u32,
    /// `VirtualSize`, or the size in the file if that is larger.
    size: u32,
    /// `PointerToRawData`
    offset: u32,
    /// `SizeOfRawData`
    stored: u32,
}

/// The headers of a DLL, as far as an edit needs them.
#[derive(Clone, Debug)]
pub(super) struct Headers {
    pub(super) machine: Machine,
    /// The offset of the signature (`e_lfanew`).
    pub(super) start: usize,
    pub(super) section_alignment: u32,
    pub(super) file_alignment: u32,
    /// Address and size of the export directory.
    pub(super) exports: (u32, u32),
    /// Set where there is a table of certificates.
    pub(super) is_signed: bool,
    /// `SizeOfImage`
    image_size: u32,
    /// `SizeOfHeaders`
    header_size: u32,
    /// The offset of the data directories.
    directories: usize,
    /// The offset of the table of sections.
    table: usize,
    sections: Vec<ImageSection>,
}

impl Headers {
    /// Reads the headers, and checks what an edit relies on.
    pub(super) fn read(image: &[u8]) -> Result<Self, PeError> {
        if slice(image, 0, 2)? != b"MZ" {
            return Err(PeError::NotPe);
        }
        let start = u32_at(image, 0x3c)? as usize;
        if slice(image, start, 4)? != b"PE\0\0" {
            return Err(PeError::NotPe);
        }
        let (machine, magic, directories) = match u16_at(image, start + 4)? {
            0x8664 => (Machine::X86_64, 0x20b, 112),
            0x014c => (Machine::I686, 0x10b, 96),
            other => return Err(PeError::OtherMachine(other)),
        };
        let optional = start + OPTIONAL;
        let optional_size = usize::from(u16_at(image, start + 20)?);
        if u16_at(image, optional)? != magic {
            return Err(PeError::NotPe);
        }
        let section_alignment = u32_at(image, optional + 32)?;
        let file_alignment = u32_at(image, optional + 36)?;
        let header_size = u32_at(image, optional + 60)?;
        let is_alignment = |it: u32| it.is_power_of_two() && it <= 1 << 20;
        let count = u32_at(image, optional + directories - 4)?;
        // Exports come first; certificates, the fifth, are asked for.
        let fits = (5..=16).contains(&count) && directories + 8 * count as usize <= optional_size;
        if !is_alignment(section_alignment) || !is_alignment(file_alignment) || !fits {
            return Err(PeError::NotPe);
        }
        let directories = optional + directories;
        let table = optional + optional_size;
        let mut headers = Self {
            machine,
            start,
            section_alignment,
            file_alignment,
            exports: (u32_at(image, directories)?, u32_at(image, directories + 4)?),
            is_signed: u32_at(image, directories + 36)? != 0,
            image_size: u32_at(image, optional + 56)?,
            header_size,
            directories,
            table,
            sections: Vec::new(),
        };
        for index in 0..usize::from(u16_at(image, start + 6)?) {
            let section = headers.section(image, table + index * SECTION)?;
            headers.sections.push(section);
        }
        Ok(headers)
    }

    fn section(&self, image: &[u8], at: usize) -> Result<ImageSection, PeError> {
        let mut name = [0; 8];
        name.copy_from_slice(slice(image, at, 8)?);
        let stored = u32_at(image, at + 16)?;
        let section = ImageSection {
            name,
            address: u32_at(image, at + 12)?,
            size: u32_at(image, at + 8)?.max(stored),
            offset: u32_at(image, at + 20)?,
            stored,
        };
        slice(image, section.offset as usize, stored as usize)?;
        let end = section
            .address
            .checked_add(u32_at(image, at + 8)?)
            .ok_or(PeError::NotPe)?;
        if end > self.image_size {
            return Err(PeError::NotPe);
        }
        Ok(section)
    }

    pub(super) fn has_section(&self, name: [u8; 8]) -> bool {
        self.sections.iter().any(|section| section.name == name)
    }

    /// Returns the bytes in the file from an address on, to the end of its section.
    pub(super) fn bytes_at<'i>(&self, image: &'i [u8], address: u32) -> Result<&'i [u8], PeError> {
        let within = |section: &&ImageSection| {
            address
                .checked_sub(section.address)
                .is_some_and(|at| at < section.stored)
        };
        let section = self
            .sections
            .iter()
            .find(within)
            .ok_or(PeError::Truncated)?;
        let skipped = address - section.address;
        slice(
            image,
            section.offset as usize + skipped as usize,
            (section.stored - skipped) as usize,
        )
    }

    /// Returns the first address behind all sections.
    pub(super) fn end_of_image(&self) -> Result<u32, PeError> {
        let ends = self
            .sections
            .iter()
            .map(|section| section.address.checked_add(section.size));
        let end = ends.chain([Some(self.image_size)]).max().flatten();
        end.and_then(|end| end.checked_next_multiple_of(self.section_alignment))
            .ok_or(PeError::TooLarge)
    }

    /// Returns the offset of an unused header behind the last one.
    pub(super) fn free_header(&self, image: &[u8]) -> Result<usize, PeError> {
        let at = self.table + self.sections.len() * SECTION;
        let used =
            |section: &ImageSection| section.stored > 0 && at + SECTION > section.offset as usize;
        let room = slice(image, at, SECTION).map_err(|_| PeError::NoRoom)?;
        if at + SECTION > self.header_size as usize
            || room.iter().any(|byte| *byte != 0)
            || self.sections.iter().any(used)
        {
            return Err(PeError::NoRoom);
        }
        Ok(at)
    }

    /// Counts one more section (`NumberOfSections`).
    pub(super) fn count_section(&self, image: &mut [u8]) -> Result<(), PeError> {
        let count = u16::try_from(self.sections.len() + 1).map_err(|_| PeError::NoRoom)?;
        put(image, self.start + 6, &count.to_le_bytes())
    }

    /// Sets the size in memory, and takes away the checksum, which nobody checks of a DLL and 0 is none of.
    pub(super) fn set_size(&self, image: &mut [u8], size: u32) -> Result<(), PeError> {
        put_u32(image, self.start + OPTIONAL + 56, size)?;
        put_u32(image, self.start + OPTIONAL + 64, 0)
    }

    /// Sets the place of the export directory.
    pub(super) fn set_exports(
        &self,
        image: &mut [u8],
        address: u32,
        size: u32,
    ) -> Result<(), PeError> {
        put_u32(image, self.directories, address)?;
        put_u32(image, self.directories + 4, size)
    }
}
