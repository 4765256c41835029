//! Captions a picture greedily with candle's BLIP, and prints the text and the time as JSON.
//!
//! Arguments: folder of the checkpoint, file of little-endian float32 pixel values [1, 3, side, side], start token, end token,
//! maximum number of new tokens (0 times the vision encoder alone). The first of two runs is a warm-up. candle reads the
//! number of threads from RAYON_NUM_THREADS.

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::blip::{BlipForConditionalGeneration, Config};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, pixels, start, end, tokens] = arguments.as_slice() else {
        return Err("usage: candle_blip CHECKPOINT PIXELS START END TOKENS".into());
    };
    let (start, end, tokens): (u32, u32, usize) = (start.parse()?, end.parse()?, tokens.parse()?);
    let config = config(&Path::new(folder).join("config.json"))?;
    let weights = Path::new(folder).join("model.safetensors");
    // SAFETY: nobody writes to the checkpoint while it is mapped.
    let weights = unsafe { VarBuilder::from_mmaped_safetensors(&[weights], DType::F32, &Device::Cpu)? };
    let weights = weights.rename_f(tied);
    let mut model = BlipForConditionalGeneration::new(&config, weights)?;
    let side = config.vision_config.image_size;
    let values: Vec<f32> = std::fs::read(pixels)?.as_chunks().0.iter().map(|four| f32::from_le_bytes(*four)).collect();
    let pixels = Tensor::from_vec(values, (1, 3, side, side), &Device::Cpu)?;
    caption(&mut model, &pixels, start, end, tokens)?;
    let started = Instant::now();
    let written = caption(&mut model, &pixels, start, end, tokens)?;
    let seconds = started.elapsed().as_secs_f64();
    println!("{}", serde_json::json!({"seconds": seconds, "tokens": written}));
    Ok(())
}

/// The tokens after `start`, as candle's own example writes them, but for drawing.
fn caption(
    model: &mut BlipForConditionalGeneration,
    pixels: &Tensor,
    start: u32,
    end: u32,
    most: usize,
) -> candle_core::Result<Vec<u32>> {
    model.reset_kv_cache();
    let image = pixels.apply(model.vision_model())?;
    let mut tokens = vec![start];
    for step in 0..most {
        let fed = if step == 0 { &tokens[..] } else { &tokens[tokens.len() - 1..] };
        let input = Tensor::new(fed, &Device::Cpu)?.unsqueeze(0)?;
        let logits = model.text_decoder().forward(&input, &image)?;
        let likeliest = logits.squeeze(0)?.get(fed.len() - 1)?.argmax(0)?.to_scalar::<u32>()?;
        if likeliest == end {
            break;
        }
        tokens.push(likeliest);
    }
    Ok(tokens.split_off(1))
}

/// Where transformers keeps what candle looks for as `name`: the last layer's weights are those of the embedding, saved once.
fn tied(name: &str) -> String {
    name.replace("cls.predictions.decoder.weight", "bert.embeddings.word_embeddings.weight")
        .replace("cls.predictions.decoder.bias", "cls.predictions.bias")
}

/// The checkpoint's configuration; what it leaves out is transformers' default, which is BLIP base.
fn config(path: &Path) -> Result<Config, Box<dyn Error>> {
    let given: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(path)?)?;
    let mut config = Config::image_captioning_large();
    let size = |part: &str, key: &str, usual: usize| given[part][key].as_u64().map_or(usual, |value| value as usize);
    let vision = &mut config.vision_config;
    vision.hidden_size = size("vision_config", "hidden_size", 768);
    vision.intermediate_size = size("vision_config", "intermediate_size", 3072);
    vision.num_hidden_layers = size("vision_config", "num_hidden_layers", 12);
    vision.num_attention_heads = size("vision_config", "num_attention_heads", 12);
    vision.image_size = size("vision_config", "image_size", 384);
    let text = &mut config.text_config;
    text.encoder_hidden_size = vision.hidden_size;
    text.num_attention_heads = size("text_config", "num_attention_heads", 8);
    text.vocab_size = size("text_config", "vocab_size", 30524);
    Ok(config)
}
