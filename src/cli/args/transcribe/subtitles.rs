//! The arguments that lay out subtitles.

/// How subtitles are laid out. Each needs times of words, and asks for them.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Layout of srt and vtt (with --timestamps word, which each of these turns on)")]
pub struct Subtitles {
    /// Most characters of a line
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_line_width: Option<u32>,
    /// Most lines of a subtitle; with --max-line-width, subtitles go on over the ends of segments
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_line_count: Option<u32>,
    /// Most words of a subtitle
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_words_per_line: Option<u32>,
    /// Underline each word while it is spoken
    #[arg(long)]
    pub highlight_words: bool,
}
