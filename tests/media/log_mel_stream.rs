//! The spectrogram piece by piece against the whole.

use edgefuse::media::audio::{
    AudioError, Extent, LogMel, LogMelConfig, Samples, SliceReader, Spectrogram, load, normalise,
};
use ndarray::{Array2, s};

use crate::data;

const RATE: u32 = 16_000;
const WHISPER: LogMelConfig = LogMelConfig { sample_rate: RATE, n_fft: 400, hop_length: 160, n_mels: 80 };
const WINDOW: usize = 3000;
const SILENCE: f32 = -10.0;

fn speech() -> Vec<f32> {
    load(&data("librivox-0870.wav"), RATE).unwrap()
}

/// Returns blocks of the given lengths in turn.
struct Cut<'a> {
    samples: &'a [f32],
    lengths: &'a [usize],
    turn: usize,
}

impl Samples for Cut<'_> {
    fn sample_rate(&self) -> u32 {
        RATE
    }

    fn read(&mut self, samples: &mut Vec<f32>) -> Result<bool, AudioError> {
        let length = self.lengths[self.turn % self.lengths.len()].min(self.samples.len());
        self.turn += 1;
        let (block, rest) = self.samples.split_at(length);
        self.samples = rest;
        samples.extend_from_slice(block);
        Ok(!block.is_empty())
    }
}

/// The whole spectrogram, computed by the stream.
fn streamed(log_mel: &LogMel, samples: &[f32], lengths: &[usize], padding: usize) -> (Array2<f32>, Extent) {
    let config = log_mel.config();
    let mut stream = log_mel.stream();
    let mut columns = Vec::new();
    let mut rest = samples;
    for &length in lengths.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (block, after) = rest.split_at(length.min(rest.len()));
        stream.push(block, &mut columns);
        rest = after;
    }
    let extent = stream.finish(padding, &mut columns);
    let frames = (samples.len() + padding) / config.hop_length;
    assert!(columns.len() <= frames * config.n_mels);
    columns.resize(frames * config.n_mels, SILENCE);
    (normalise(&columns, config.n_mels, extent.loudest), extent)
}

#[test]
fn equals_the_whole_however_it_is_cut() {
    let speech = speech();
    let log_mel = LogMel::new(&WHISPER).unwrap();
    let cuts: [&[usize]; 8] = [&[usize::MAX], &[1], &[160], &[399, 1, 401], &[200], &[7, 1000, 3], &[2560], &[8191]];
    for lengths in cuts {
        for (samples, padding) in [(&speech[..], 480_000), (&speech[..9_999], 0), (&speech[..32_000], 100)] {
            let (mel, extent) = streamed(&log_mel, samples, lengths, padding);
            assert_eq!(mel, log_mel.compute(samples, padding), "{lengths:?}, {padding} zeros");
            assert_eq!((extent.samples, extent.frames), (samples.len() as u64, samples.len() / 160));
        }
    }
}

#[test]
fn equals_the_whole_for_recordings_of_any_shortness() {
    let speech = &speech()[40_000..];
    let odd = LogMelConfig { n_fft: 401, hop_length: 100, ..WHISPER };
    // Gaps between the frames; and overlapping frames.
    let sparse = LogMelConfig { n_fft: 64, hop_length: 300, n_mels: 8, ..WHISPER };
    let dense = LogMelConfig { n_fft: 512, hop_length: 3, n_mels: 8, ..WHISPER };
    for config in [WHISPER, odd, sparse, dense] {
        let log_mel = LogMel::new(&config).unwrap();
        for len in [0, 1, 2, 31, 33, 99, 159, 160, 161, 199, 200, 201, 202, 300, 320, 399, 400, 401, 600, 800, 900] {
            for padding in [0, 1, 99, 160, 200, 201, 400, 4_000] {
                for lengths in [&[usize::MAX][..], &[1], &[150, 50]] {
                    let (mel, _) = streamed(&log_mel, &speech[..len], lengths, padding);
                    let whole = log_mel.compute(&speech[..len], padding);
                    assert_eq!(mel, whole, "{config:?}, {len} samples, {padding} zeros, {lengths:?}");
                }
            }
        }
    }
}

#[test]
fn frames_come_as_soon_as_they_are_decided() {
    let speech = speech();
    let mut stream = LogMel::new(&WHISPER).unwrap().stream();
    let mut columns = Vec::new();
    for (at, sample) in speech[..4_000].iter().enumerate() {
        stream.push(&[*sample], &mut columns);
        let received = at + 1;
        // Half a frame after the centre; the first needs one sample more, to be reflected.
        let expected = if received < 201 { 0 } else { (received - 200) / 160 + 1 };
        assert_eq!(columns.len() / 80, expected, "{received} samples");
        assert_eq!(stream.received(), received as u64);
    }
}

#[test]
fn windows_are_those_of_the_whole() {
    let speech = speech().repeat(10);
    let log_mel = LogMel::new(&WHISPER).unwrap();
    for samples in [&speech[..], &speech[..480_000], &speech[..480_079], &speech[..800], &speech[..1]] {
        let whole = log_mel.compute(samples, 480_000);
        let content = whole.ncols() - WINDOW;
        for lengths in [&[16_000][..], &[317], &[usize::MAX]] {
            let source = || Cut { samples, lengths, turn: 0 };
            let extent = log_mel.measure(&mut source()).unwrap();
            assert_eq!((extent.samples, extent.frames), (samples.len() as u64, content));

            let mut spectrogram = Spectrogram::new(&log_mel, source(), Some(extent.loudest)).unwrap();
            let mut seek = 0;
            while seek <= content {
                for _ in 0..2 {
                    let window = spectrogram.window(seek, WINDOW).unwrap();
                    assert_eq!(window.content, WINDOW.min(content - seek), "window at {seek}");
                    assert_eq!(window.log_mel, whole.slice(s![.., seek..seek + WINDOW]), "window at {seek}");
                }
                // Some windows overlap, some do not, one leaves frames out.
                seek += [2_790, 3_000, 1, 2_999, 500, 3_500][seek % 6];
            }
            // Silence follows the end.
            let window = spectrogram.window(seek.max(content + WINDOW), 10).unwrap();
            assert_eq!(window.content, 0);
            let silence = normalise(&[SILENCE; 800], 80, extent.loudest);
            assert_eq!(window.log_mel, silence);
            assert!(spectrogram.ended());
            assert_eq!((spectrogram.frames(), spectrogram.samples()), (content, samples.len() as u64));
        }
    }
}

#[test]
fn a_jump_over_most_of_the_recording() {
    let speech = speech().repeat(10);
    let log_mel = LogMel::new(&WHISPER).unwrap();
    let whole = log_mel.compute(&speech, 480_000);
    let loudest = Some(log_mel.measure(&mut SliceReader::new(&speech, RATE)).unwrap().loudest);
    let content = speech.len() / 160;
    for first in [content - 1, content, content + 1, content + 2, content + 500] {
        let mut spectrogram = Spectrogram::new(&log_mel, SliceReader::new(&speech, RATE), loudest).unwrap();
        let window = spectrogram.window(first, 20).unwrap();
        assert_eq!(window.log_mel, whole.slice(s![.., first..first + 20]), "window at {first}");
        assert_eq!(window.content, content.saturating_sub(first));
    }
}

#[test]
fn it_never_goes_back() {
    let speech = speech();
    let log_mel = LogMel::new(&WHISPER).unwrap();
    let mut spectrogram = Spectrogram::new(&log_mel, SliceReader::new(&speech, RATE), None).unwrap();
    spectrogram.window(100, 50).unwrap();
    assert!(matches!(spectrogram.window(99, 50), Err(AudioError::FramePassed { frame: 99, first: 100 })));
    // The error did not consume anything.
    assert_eq!(spectrogram.window(100, 50).unwrap().content, 50);
}

#[test]
fn live_windows_do_not_depend_on_how_the_stream_was_cut() {
    let speech = speech();
    let log_mel = LogMel::new(&WHISPER).unwrap();
    let windows = |lengths| {
        let source = Cut { samples: &speech, lengths, turn: 0 };
        let mut spectrogram = Spectrogram::new(&log_mel, source, None).unwrap();
        [0, 50, 100, 350, 680].map(|first| spectrogram.window(first, 100).unwrap())
    };
    let reference = windows(&[usize::MAX]);
    for lengths in [&[1][..], &[320], &[16_000], &[7, 999]] {
        assert_eq!(windows(lengths), reference, "{lengths:?}");
    }
    // The floor of a window is set by the sound up to its end; that of the last, by the whole recording.
    let whole = log_mel.compute(&speech, 480_000);
    assert_eq!(reference[4].log_mel, whole.slice(s![.., 680..780]));
    let beginning = log_mel.compute(&speech[..100 * 160 + 400], 0);
    assert_eq!(reference[0].log_mel.dim(), (80, 100));
    assert_eq!(reference[0].log_mel.slice(s![.., ..99]), beginning.slice(s![.., ..99]));
}

#[test]
fn a_live_source_need_not_be_waited_for() {
    let speech = speech();
    let log_mel = LogMel::new(&WHISPER).unwrap();
    let source = Cut { samples: &speech, lengths: &[1600], turn: 0 };
    let mut spectrogram = Spectrogram::new(&log_mel, source, None).unwrap();
    assert_eq!((spectrogram.frames(), spectrogram.ended()), (0, false));
    assert!(spectrogram.read().unwrap());
    assert_eq!((spectrogram.frames(), spectrogram.samples()), (9, 1600));
    assert_eq!(spectrogram.window(0, 9).unwrap().content, 9);
    assert_eq!(spectrogram.samples(), 1600, "a window that is there already was waited for");
    while spectrogram.read().unwrap() {}
    assert_eq!((spectrogram.frames(), spectrogram.ended()), (speech.len() / 160, true));
    assert!(!spectrogram.read().unwrap());
}

#[test]
fn a_source_of_another_rate_is_refused() {
    let log_mel = LogMel::new(&WHISPER).unwrap();
    let wrong = || SliceReader::new(&[0.0; 100], 8_000);
    assert!(matches!(log_mel.measure(&mut wrong()), Err(AudioError::OtherRate { found: 8_000, wanted: RATE })));
    assert!(Spectrogram::new(&log_mel, wrong(), None).is_err());
}
