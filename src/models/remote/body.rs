//! The JSON of a request.

use std::io::Cursor;

use serde_json::{Value, json};

use crate::config::{Form, ReplyOptions};
use crate::media::image::{Resample, RgbImage, resize, to_jpeg};
use crate::models::chat::{Attachment, Message, Prompt};

/// Longest side of a picture that is sent, in pixels: larger ones are scaled down by the models' own preprocessing, too.
const LONGEST_SIDE: u32 = 1024;

/// Path of the request, and its body. The answer is asked for piece by piece.
///
/// # Errors
/// One line, for a picture or sound that cannot be written.
pub(super) fn body(model: &str, prompt: Prompt, options: &ReplyOptions) -> Result<(&'static str, Vec<u8>), String> {
    let mut body = json!({
        "model": model,
        "stream": true,
        "stream_options": {"include_usage": true},
        "temperature": options.temperature,
    });
    let path = match prompt {
        Prompt::Messages(messages) => {
            body["messages"] = Value::Array(messages.iter().map(message).collect::<Result<_, _>>()?);
            "/chat/completions"
        }
        Prompt::Text(text) => {
            body["prompt"] = text.into();
            "/completions"
        }
    };
    if let Some(most) = options.max_tokens {
        body["max_tokens"] = most.into();
    }
    if options.temperature > 0.0 {
        body["seed"] = options.seed.into();
    }
    if options.top_p < 1.0 {
        body["top_p"] = options.top_p.into();
    }
    if options.min_p > 0.0 {
        body["min_p"] = options.min_p.into();
    }
    if !options.stop.is_empty() {
        body["stop"] = options.stop.clone().into();
    }
    if let Some(form) = &options.form {
        let schema = match form {
            Form::Schema(schema) => schema.clone(),
            Form::Choices(texts) => json!({"type": "string", "enum": texts}),
        };
        body["response_format"] = json!({"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}});
    }
    Ok((path, body.to_string().into_bytes()))
}

fn message(message: &Message) -> Result<Value, String> {
    if message.attachments.is_empty() {
        return Ok(json!({"role": message.role, "content": message.content}));
    }
    let mut parts = Vec::new();
    if !message.content.is_empty() {
        parts.push(json!({"type": "text", "text": message.content}));
    }
    for attachment in &message.attachments {
        parts.push(match attachment {
            Attachment::Picture(picture) => {
                let url = format!("data:image/jpeg;base64,{}", base64::encode(to_jpeg(&scaled(picture))?));
                json!({"type": "image_url", "image_url": {"url": url}})
            }
            Attachment::Sound(samples) => {
                json!({"type": "input_audio", "input_audio": {"data": base64::encode(wav(samples)?), "format": "wav"}})
            }
        });
    }
    Ok(json!({"role": message.role, "content": parts}))
}

/// The picture, scaled down if it is large.
fn scaled(picture: &RgbImage) -> RgbImage {
    let (width, height) = picture.dimensions();
    let longest = width.max(height);
    if longest <= LONGEST_SIDE {
        return picture.clone();
    }
    let side = |side: u32| (u64::from(side) * u64::from(LONGEST_SIDE) / u64::from(longest)).max(1) as u32;
    resize(picture, side(width), side(height), Resample::Bicubic)
}

/// A WAV file of 16-bit samples.
fn wav(samples: &[f32]) -> Result<Vec<u8>, String> {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: Attachment::SAMPLE_RATE,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut bytes = Cursor::new(Vec::new());
    let mut write = || {
        let mut writer = hound::WavWriter::new(&mut bytes, spec)?;
        for sample in samples {
            writer.write_sample((sample.clamp(-1.0, 1.0) * f32::from(i16::MAX)) as i16)?;
        }
        writer.finalize()
    };
    write().map_err(|error: hound::Error| format!("the sound cannot be written: {error}"))?;
    Ok(bytes.into_inner())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn json_of(prompt: Prompt, options: &ReplyOptions) -> Value {
        serde_json::from_slice(&body("m", prompt, options).unwrap().1).unwrap()
    }

    #[test]
    fn only_options_that_differ_from_the_default_are_sent() {
        let messages = [Message::new("user", "hi")];
        let plain = json_of(Prompt::Messages(&messages), &ReplyOptions::default());
        assert_eq!(plain["messages"], json!([{"role": "user", "content": "hi"}]));
        for key in ["max_tokens", "seed", "top_p", "min_p", "stop", "response_format"] {
            assert!(plain.get(key).is_none(), "{key}");
        }
        let options = ReplyOptions {
            max_tokens: Some(9),
            temperature: 0.5,
            top_p: 0.5,
            seed: 3,
            stop: vec![".".to_string()],
            form: Some(Form::Choices(vec!["a".to_string()])),
            ..ReplyOptions::default()
        };
        let full = json_of(Prompt::Text("x"), &options);
        assert_eq!((&full["prompt"], &full["max_tokens"], &full["seed"]), (&json!("x"), &json!(9), &json!(3)));
        assert_eq!(full["response_format"]["json_schema"]["schema"]["enum"], json!(["a"]));
    }

    #[test]
    fn pictures_are_small_jpegs_and_sounds_are_wav() {
        let mut message = Message::new("user", "what?");
        message.attachments.push(Attachment::Picture(Arc::new(RgbImage::new(3000, 1500))));
        message.attachments.push(Attachment::Sound(vec![0.0, 1.5, -1.0].into()));
        let value = json_of(Prompt::Messages(&[message]), &ReplyOptions::default());
        let parts = &value["messages"][0]["content"];
        assert_eq!(parts[0], json!({"type": "text", "text": "what?"}));
        let url = parts[1]["image_url"]["url"].as_str().unwrap();
        let bytes = base64::decode(url.strip_prefix("data:image/jpeg;base64,").unwrap()).unwrap();
        assert_eq!(image::load_from_memory(&bytes).unwrap().to_rgb8().dimensions(), (1024, 512));
        let bytes = base64::decode(parts[2]["input_audio"]["data"].as_str().unwrap()).unwrap();
        let mut reader = hound::WavReader::new(bytes.as_slice()).unwrap();
        assert_eq!(reader.spec().sample_rate, 16_000);
        let samples: Vec<i16> = reader.samples().map(Result::unwrap).collect();
        assert_eq!(samples, [0, 32_767, -32_767]);
    }
}
