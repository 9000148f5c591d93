//! The recording that a worker makes.

use std::collections::HashMap;

use super::super::recording::FrameRecorder;
use crate::output::View;

/// A recording, and what its rows are described with.
pub(super) struct FrameRecording {
    pub(super) recorder: FrameRecorder,
    /// The view of each network namespace, by its number.
    pub(super) views: HashMap<u32, View>,
}

impl FrameRecording {
    pub(super) fn new(recorder: FrameRecorder) -> Self {
        Self {
            recorder,
            views: HashMap::new(),
        }
    }
}
