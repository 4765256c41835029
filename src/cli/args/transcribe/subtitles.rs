//! The arguments for the layout of subtitles.

/// Layout of subtitles. Each option needs word timestamps, and turns them on.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Layout of srt and vtt (with --timestamps word, which each of these turns on)")]
pub struct Subtitles {
    /// Maximum characters per line
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_line_width: Option<u32>,
    /// Maximum lines per subtitle; with --max-line-width, subtitles may span segments
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_line_count: Option<u32>,
    /// Maximum words per subtitle
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_words_per_line: Option<u32>,
    /// Underline each word while it is spoken
    #[arg(long)]
    pub highlight_words: bool,
}
