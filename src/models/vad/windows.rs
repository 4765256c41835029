//! Groups stretches into windows of the length that a model accepts, like faster-whisper's `collect_chunks`.

use super::speech_map::SpeechMap;
use super::stretch::Stretch;

/// Stretches of speech that are decoded together, concatenated without the silence between them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SpeechWindow {
    stretches: Vec<Stretch>,
    map: SpeechMap,
}

impl SpeechWindow {
    /// The stretches, in order.
    pub fn stretches(&self) -> &[Stretch] {
        &self.stretches
    }

    /// Maps positions in this window back to positions in the recording.
    pub fn map(&self) -> &SpeechMap {
        &self.map
    }

    /// Number of samples of speech.
    pub fn samples(&self) -> u64 {
        self.map.samples()
    }

    /// The speech of the window, copied from the samples of the recording.
    pub fn cut(&self, recording: &[f32]) -> Vec<f32> {
        let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(recording.len());
        let parts: Vec<_> =
            self.stretches.iter().map(|stretch| &recording[place(stretch.start)..place(stretch.end)]).collect();
        parts.concat()
    }

    fn push(&mut self, stretch: Stretch) {
        self.stretches.push(stretch);
        self.map.push(stretch);
    }
}

/// Groups adjacent stretches into windows of at most `most` samples, each as full as the next stretch allows. A longer
/// stretch, which [`crate::config::VadOptions::max_speech_s`] prevents, is cut into pieces of that length.
pub fn windows(stretches: &[Stretch], most: u64) -> Vec<SpeechWindow> {
    let most = most.max(1);
    let mut windows = Vec::new();
    let mut current = SpeechWindow::default();
    for &stretch in stretches {
        let mut start = stretch.start;
        while start < stretch.end {
            let piece = Stretch { start, end: stretch.end.min(start.saturating_add(most)) };
            if current.samples() > 0 && current.samples() + piece.samples() > most {
                windows.push(std::mem::take(&mut current));
            }
            current.push(piece);
            start = piece.end;
        }
    }
    if current.samples() > 0 {
        windows.push(current);
    }
    windows
}

#[cfg(test)]
mod tests {
    use super::windows;
    use crate::models::vad::{Edge, Stretch};

    fn stretch(start: u64, end: u64) -> Stretch {
        Stretch { start, end }
    }

    #[test]
    fn neighbours_share_a_window_while_they_fit() {
        let stretches = [stretch(10, 20), stretch(30, 40), stretch(50, 61), stretch(61, 61), stretch(70, 100)];
        let found = windows(&stretches, 30);
        let lengths: Vec<_> = found.iter().map(|window| (window.stretches().len(), window.samples())).collect();
        assert_eq!(lengths, [(2, 20), (1, 11), (1, 30)]);
        // Positions are relative to the start of each window.
        assert_eq!(found[1].map().sample(0, Edge::Start), 50);
        assert_eq!(found[0].map().sample(10, Edge::Start), 30);
        let recording: Vec<f32> = (0..60).map(|at| at as f32).collect();
        assert_eq!(found[0].cut(&recording)[9..11], [19.0, 30.0]);
        // A recording that is shorter than its stretches.
        assert_eq!(found[1].cut(&recording).len(), 10);
        assert_eq!(found[2].cut(&recording).len(), 0);
    }

    #[test]
    fn a_stretch_that_is_too_long_is_cut() {
        let found = windows(&[stretch(0, 5), stretch(10, 85)], 30);
        assert_eq!(
            found.iter().map(|window| window.stretches().to_vec()).collect::<Vec<_>>(),
            [vec![stretch(0, 5)], vec![stretch(10, 40)], vec![stretch(40, 70)], vec![stretch(70, 85)]]
        );
        assert!(windows(&[], 30).is_empty());
    }
}
