//! The arguments of `transcribe`, and what they change in the device file's options.

mod choices;
mod subtitles;

use std::path::PathBuf;

use edgefuse::config::{Channels, Clips, EncoderContext, Task, Temperatures, Timestamps, TranscribeOptions};

pub use choices::{EncoderContextArgument, TaskArgument, TimestampsArgument};
pub use subtitles::Subtitles;

/// What is not given here is as the `transcribe` step of the device file's pipeline says, or as the defaults there.
#[derive(Debug, clap::Args)]
pub struct Transcribe {
    /// Recordings, and folders of them; `-` is standard input while it is being written: WAV, or raw 16-bit mono samples
    /// at 16 kHz
    #[arg(required = true, value_name = "AUDIO")]
    pub audio: Vec<PathBuf>,
    /// Language: a code (en, en-US, eng) or an English name, or `auto` to detect it [default: auto]
    #[arg(long, value_name = "L")]
    pub language: Option<String>,
    /// Detect the language in every window; =false: only once [default: again after a long pause that was cut out]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub multilingual: Option<bool>,
    /// Windows of 30 s to detect the language from; the first that is sure decides, else most of them [default: 1]
    #[arg(long, value_name = "N")]
    pub language_detection_segments: Option<usize>,
    /// Probability above which a detected language is sure, 0 to 1 [default: 0.5]
    #[arg(long, value_name = "PROB")]
    pub language_detection_threshold: Option<f32>,
    /// The words as spoken, or in English [default: transcribe]
    #[arg(long, value_enum, hide_default_value = true)]
    pub task: Option<TaskArgument>,
    /// How fine the times are [default: segment; text output shows them where this is given, a line a segment or word]
    #[arg(long, value_enum, hide_default_value = true)]
    pub timestamps: Option<TimestampsArgument>,

    /// mix; split: each channel by itself, merged by time; or one channel alone, counted from 0 [default: mix]
    #[arg(long, value_name = "mix|split|N")]
    pub channels: Option<Channels>,
    /// Only these parts, in seconds: START,END,START,END,...; without a last END, to the end of the recording. Speech is
    /// not looked for then
    #[arg(long, value_name = "S,...")]
    pub clip_timestamps: Option<Clips>,
    /// Write each recording's transcript to a file in this folder, named after the recording: NAME.txt, .json, .srt, ...
    #[arg(long, short = 'o', value_name = "FOLDER")]
    pub output_dir: Option<PathBuf>,

    /// Text that precedes the first window, as if it had been said: names, spelling, style
    #[arg(long, value_name = "TEXT", help_heading = "Context")]
    pub initial_prompt: Option<String>,
    /// Let the initial prompt precede every window
    #[arg(long, help_heading = "Context")]
    pub carry_initial_prompt: bool,
    /// Words that the model should expect in every window
    #[arg(long, value_name = "TEXT", help_heading = "Context")]
    pub hotwords: Option<String>,
    /// Do not tell a window the text of those before it: fewer loops, less consistent spelling
    #[arg(long, help_heading = "Context")]
    pub no_condition_on_previous_text: bool,

    /// Texts that beam search goes on with; 1 is greedy search [default: 1]
    #[arg(long, value_name = "N", help_heading = "Search")]
    pub beams: Option<usize>,
    /// Beam search ends a window with BEAMS * P finished texts [default: 1]
    #[arg(long, value_name = "P", help_heading = "Search")]
    pub patience: Option<f32>,
    /// Exponent of the length that texts are compared with, 0 to 1 [default: the plain length]
    #[arg(long, value_name = "ALPHA", help_heading = "Search")]
    pub length_penalty: Option<f32>,
    /// Temperatures, tried until a text is good enough; one alone turns the fallback off [default: 0,0.2,0.4,0.6,0.8,1]
    #[arg(long, value_name = "T,...", value_delimiter = ',', help_heading = "Search")]
    pub temperature: Option<Vec<f32>>,
    /// Texts drawn at a temperature above 0, of which the most probable is taken [default: 5]
    #[arg(long, value_name = "N", help_heading = "Search")]
    pub best_of: Option<usize>,
    /// Start of the random numbers at a temperature above 0 [default: 0]
    #[arg(long, value_name = "N", help_heading = "Search")]
    pub seed: Option<u64>,
    /// A text that zlib makes more times smaller repeats itself: the next temperature is tried [default: 2.4]
    #[arg(long, value_name = "RATIO", help_heading = "Search")]
    pub compression_ratio_threshold: Option<f32>,
    /// A text with a lower mean log-probability is doubtful: the next temperature is tried [default: -1]
    #[arg(long, value_name = "LOGPROB", allow_negative_numbers = true, help_heading = "Search")]
    pub logprob_threshold: Option<f32>,
    /// A doubtful text with a higher probability of no speech is taken for silence [default: 0.6]
    #[arg(long, value_name = "PROB", help_heading = "Search")]
    pub no_speech_threshold: Option<f32>,
    /// Skip silence of more than S seconds around words that look made up, and those words (turns on --timestamps word)
    #[arg(long, value_name = "S", help_heading = "Search")]
    pub hallucination_silence_threshold: Option<f64>,
    /// Token ids that are never written; -1 is the model's own list [default: -1]
    #[arg(long, value_name = "ID,...", value_delimiter = ',', allow_hyphen_values = true, help_heading = "Search")]
    pub suppress_tokens: Option<Vec<i64>>,

    /// How much of 30 s the encoder hears of a shorter window [default: full]
    #[arg(long, value_enum, hide_default_value = true, help_heading = "Speed")]
    pub encoder_context: Option<EncoderContextArgument>,
    /// Windows of speech decoded side by side [default: 1]
    #[arg(long, value_name = "N", help_heading = "Speed")]
    pub batch_size: Option<usize>,
    /// Decode silence too, though the device file has a model that finds speech
    #[arg(long, help_heading = "Speed")]
    pub no_vad: bool,

    /// Punctuation that is joined to the word after it, with --timestamps word [default: "'“¿([{-]
    #[arg(long, value_name = "MARKS", allow_hyphen_values = true, help_heading = "Words")]
    pub prepend_punctuations: Option<String>,
    /// Punctuation that is joined to the word before it, with --timestamps word [default: "'.。,，!！?？:：”)]}、]
    #[arg(long, value_name = "MARKS", allow_hyphen_values = true, help_heading = "Words")]
    pub append_punctuations: Option<String>,

    #[command(flatten)]
    pub subtitles: Subtitles,
}

impl Transcribe {
    /// The device file's options with what was given on the command line.
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
