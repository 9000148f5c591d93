//! Writing what was read to a recording.

use std::time::Instant;

use tcpentry::process::Owners;

use super::super::model::{Baseline, Frame};
use super::super::recording::{FrameRecorder, RowFields, describe_failure};
use super::Worker;
use super::recording::FrameRecording;
use crate::args::ShowArgs;
use crate::output::{Shape, View, holders_of};

impl Worker {
    /// Records what is read from now on.
    pub(in super::super) fn record_to(&mut self, recorder: FrameRecorder) {
        self.recording = Some(FrameRecording::new(recorder));
    }

    /// Writes a frame to the recording, if there is one; where that fails, the frame says so from then on.
    pub(super) fn record(&mut self, frame: &mut Frame, baseline: Baseline) {
        let Some(mut recording) = self.recording.take() else {
            return;
        };
        if recording.recorder.failure().is_none() {
            self.check_rows(frame.rows.iter().filter(|row| row.is_present()));
            self.write(&mut recording, frame, baseline);
        }
        if let Some(error) = recording.recorder.failure() {
            frame.notes.insert(0, describe_failure(error));
        }
        self.recording = Some(recording);
    }

    fn write(&mut self, recording: &mut FrameRecording, frame: &Frame, baseline: Baseline) {
        let Self {
            namespaces,
            attribution,
            names,
            holders,
            resolved,
            ..
        } = self;
        let FrameRecording { recorder, views } = recording;
        for namespace in &mut *namespaces {
            views
                .entry(namespace.number)
                .or_insert_with(|| View::new(&SHOWN, true, Shape::Json, &mut namespace.opened));
        }
        let none = Owners::default();
        let owners = holders.owners().unwrap_or(&none);
        let begun = frame.read_at.unwrap_or_else(Instant::now);
        let rows = frame.rows.iter().filter(|row| row.is_present());
        let rows = rows.map(|row| {
            let connection = row.to_connection();
            let view = views.get_mut(&row.key.netns);
            let view = view.expect("a row is of a namespace that was read");
            let object = view.object(&connection, attribution);
            let mut object = object.expect("nothing of it is looked up");
            object.processes = holders_of(connection.inode, owners);
            object.put_cgroup(names.cgroup_of(&connection, owners));
            object.put_kept_counters(&connection);
            let known = resolved.get(&row.key).cloned().unwrap_or_default();
            RowFields::new(object, row, &known.or(&row.resolved), begun)
        });
        recorder.write(frame, baseline, rows);
    }
}

/// The fields that a row itself has.
const SHOWN: ShowArgs = ShowArgs {
    process: false,
    user: true,
    info: false,
    container: false,
};
