//! The arguments of `transcribe`, which override the device file's options.

mod choices;
mod subtitles;

use std::path::PathBuf;

use edgefuse::config::{Channels, Clips, EncoderContext, Task, Temperatures, Timestamps, TranscribeOptions};

pub use choices::{EncoderContextArgument, TaskArgument, TimestampsArgument};
pub use subtitles::Subtitles;

/// Options not set here come from the `transcribe` step of the device file's pipeline, or its defaults.
#[derive(Debug, clap::Args)]
pub struct Transcribe {
    /// Recordings, or folders of recordings; `-` transcribes standard input as it arrives: WAV, MP3, FLAC, Ogg, WebM,
    /// or raw 16-bit mono samples at 16 kHz
    #[arg(required = true, value_name = "AUDIO")]
    pub audio: Vec<PathBuf>,
    /// Language: a code (en, en-US, eng) or an English name, or `auto` to detect it [default: auto]
    #[arg(long, value_name = "L")]
    pub language: Option<String>,
    /// Detect the language in every window; =false: only once [default: again after each long pause]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub multilingual: Option<bool>,
    /// Windows of 30 s used to detect the language; the first confident one decides, else the majority [default: 1]
    #[arg(long, value_name = "N")]
    pub language_detection_segments: Option<usize>,
    /// Probability above which a detected language is confident, 0 to 1 [default: 0.5]
    #[arg(long, value_name = "PROB")]
    pub language_detection_threshold: Option<f32>,
    /// Transcribe, or translate into English [default: transcribe]
    #[arg(long, value_enum, hide_default_value = true)]
    pub task: Option<TaskArgument>,
    /// Granularity of the times [default: segment; if set, text output shows them, one line per segment or word]
    #[arg(long, value_enum, hide_default_value = true)]
    pub timestamps: Option<TimestampsArgument>,
    /// Add the log-probability of each token to the segments (with --format json)
    #[arg(long)]
    pub logprobs: bool,

    /// mix; split: each channel separately, merged by time; left, right or the number of one channel, from 0 [default: mix]
    #[arg(long, value_name = "mix|split|N")]
    pub channels: Option<Channels>,
    /// Transcribe only these parts, in seconds: START,END,START,END,...; without a last END, to the end of the
    /// recording. Turns voice activity detection off
    #[arg(long, value_name = "S,...")]
    pub clip_timestamps: Option<Clips>,
    /// Write each recording's transcript to a file in this folder, named after the recording: NAME.txt, .json, .srt,
    /// ...
    #[arg(long, short = 'o', value_name = "FOLDER")]
    pub output_dir: Option<PathBuf>,

    /// Prompt for the first window, as if it had been said before: names, spelling, style
    #[arg(long, value_name = "TEXT", help_heading = "Context")]
    pub initial_prompt: Option<String>,
    /// Use the initial prompt for every window
    #[arg(long, help_heading = "Context")]
    pub carry_initial_prompt: bool,
    /// Words to expect in every window
    #[arg(long, value_name = "TEXT", help_heading = "Context")]
    pub hotwords: Option<String>,
    /// Do not prompt windows with the previous text: fewer loops, less consistent spelling
    #[arg(long, help_heading = "Context")]
    pub no_condition_on_previous_text: bool,

    /// Beam width; 1 is greedy search [default: 1]
    #[arg(long, value_name = "N", help_heading = "Search")]
    pub beams: Option<usize>,
    /// Beam search ends a window with BEAMS * P finished hypotheses [default: 1]
    #[arg(long, value_name = "P", help_heading = "Search")]
    pub patience: Option<f32>,
    /// Exponent of the length by which hypotheses are normalised, 0 to 1 [default: the plain length]
    #[arg(long, value_name = "ALPHA", help_heading = "Search")]
    pub length_penalty: Option<f32>,
    /// Temperatures, tried in order until the text is good enough; a single one turns the fallback off
    /// [default: 0,0.2,0.4,0.6,0.8,1]
    #[arg(long, value_name = "T,...", value_delimiter = ',', help_heading = "Search")]
    pub temperature: Option<Vec<f32>>,
    /// Number of samples at a temperature above 0; the most probable is used [default: 5]
    #[arg(long, value_name = "N", help_heading = "Search")]
    pub best_of: Option<usize>,
    /// Random seed at a temperature above 0 [default: 0]
    #[arg(long, value_name = "N", help_heading = "Search")]
    pub seed: Option<u64>,
    /// Try the next temperature if zlib compresses the text by a larger factor: it is repetitive [default: 2.4]
    #[arg(long, value_name = "RATIO", help_heading = "Search")]
    pub compression_ratio_threshold: Option<f32>,
    /// Try the next temperature if the mean log-probability is lower: the text is doubtful [default: -1]
    #[arg(long, value_name = "LOGPROB", allow_negative_numbers = true, help_heading = "Search")]
    pub logprob_threshold: Option<f32>,
    /// Treat a doubtful text with a higher no-speech probability as silence [default: 0.6]
    #[arg(long, value_name = "PROB", help_heading = "Search")]
    pub no_speech_threshold: Option<f32>,
    /// Skip silence of more than S seconds around words that look hallucinated, and those words (turns on --timestamps
    /// word)
    #[arg(long, value_name = "S", help_heading = "Search")]
    pub hallucination_silence_threshold: Option<f64>,
    /// Token ids that are never generated; -1 is the model's own list [default: -1]
    #[arg(long, value_name = "ID,...", value_delimiter = ',', allow_hyphen_values = true, help_heading = "Search")]
    pub suppress_tokens: Option<Vec<i64>>,

    /// How much of the 30 s window is encoded for shorter sound [default: full]
    #[arg(long, value_enum, hide_default_value = true, help_heading = "Speed")]
    pub encoder_context: Option<EncoderContextArgument>,
    /// Windows of speech decoded at once [default: 1]
    #[arg(long, value_name = "N", help_heading = "Speed")]
    pub batch_size: Option<usize>,
    /// Turn voice activity detection off: decode silence too
    #[arg(long, help_heading = "Speed")]
    pub no_vad: bool,

    /// Punctuation joined to the following word, with --timestamps word [default: "'“¿([{-]
    #[arg(long, value_name = "MARKS", allow_hyphen_values = true, help_heading = "Words")]
    pub prepend_punctuations: Option<String>,
    /// Punctuation joined to the preceding word, with --timestamps word [default: "'.。,，!！?？:：”)]}、]
    #[arg(long, value_name = "MARKS", allow_hyphen_values = true, help_heading = "Words")]
    pub append_punctuations: Option<String>,

    #[command(flatten)]
    pub subtitles: Subtitles,
}

impl Transcribe {
    /// The device file's options, overridden by the command line.
    pub fn options(&self, device: TranscribeOptions) -> TranscribeOptions {
        let mut options = device;
        set(&mut options.task, self.task.map(Task::from));
        set(&mut options.timestamps, self.timestamps.map(Timestamps::from));
        set(&mut options.beams, self.beams);
        set(&mut options.patience, self.patience);
        set(&mut options.temperature, self.temperature.clone().map(Temperatures));
        set(&mut options.best_of, self.best_of);
        set(&mut options.seed, self.seed);
        set(&mut options.suppress_tokens, self.suppress_tokens.clone());
        set(&mut options.encoder_context, self.encoder_context.map(EncoderContext::from));
        set(&mut options.batch_size, self.batch_size);
        set(&mut options.channels, self.channels);
        set(&mut options.clip_timestamps, self.clip_timestamps.clone());
        set(&mut options.language_detection_segments, self.language_detection_segments);
        set(&mut options.language_detection_threshold, self.language_detection_threshold);
        set(&mut options.prepend_punctuations, self.prepend_punctuations.clone());
        set(&mut options.append_punctuations, self.append_punctuations.clone());
        set_some(&mut options.multilingual, &self.multilingual);
        set_some(&mut options.hallucination_silence_threshold, &self.hallucination_silence_threshold);
        if options.hallucination_silence_threshold.is_some() && self.timestamps.is_none() {
            options.timestamps = Timestamps::Word;
        }
        options.carry_initial_prompt |= self.carry_initial_prompt;
        options.logprobs |= self.logprobs;
        set_some(&mut options.language, &self.language);
        set_some(&mut options.initial_prompt, &self.initial_prompt);
        set_some(&mut options.hotwords, &self.hotwords);
        set_some(&mut options.length_penalty, &self.length_penalty);
        set_some(&mut options.compression_ratio_threshold, &self.compression_ratio_threshold);
        set_some(&mut options.logprob_threshold, &self.logprob_threshold);
        set_some(&mut options.no_speech_threshold, &self.no_speech_threshold);
        options.condition_on_previous_text &= !self.no_condition_on_previous_text;
        options.vad.on &= !self.no_vad;
        options
    }
}

fn set<T>(option: &mut T, given: Option<T>) {
    if let Some(given) = given {
        *option = given;
    }
}

fn set_some<T: Clone>(option: &mut Option<T>, given: &Option<T>) {
    if given.is_some() {
        option.clone_from(given);
    }
}
