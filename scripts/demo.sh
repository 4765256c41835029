#!/usr/bin/env bash
# Runs edgefuse once from a fresh clone: a spoken question and a picture in; transcript, caption, answers, the student's
# decision and the language model's answer out; photographs are classified and found. Exits with 1 if any result is not as expected.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

if ! command -v cargo >/dev/null; then
    echo "demo: cargo is not installed; see https://rustup.rs" >&2
    exit 1
fi

picture=tests/data/easyvqa-23.png
color_question=tests/data/question-color.wav
shape_question=tests/data/question-shape.wav
photograph=tests/data/coffee.png
photographs=(tests/data/chelsea.png tests/data/coffee.png tests/data/rocket.jpg)
spoken_request=tests/data/question-photo.wav
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

printf '== Set-up\n'
scripts/setup.sh
printf '\n== Build\n'
cargo build --release --locked

binary=${CARGO_TARGET_DIR:-target}/release/edgefuse
export EDGEFUSE_CONFIG=${EDGEFUSE_CONFIG:-configs/cpu.yaml}
wrong=()

# show TITLE EXPECTED ARGUMENT...: runs edgefuse with the arguments, and looks for EXPECTED in its output.
show() {
    local title=$1 expected=$2 command=$binary argument output
    shift 2
    for argument; do
        if [[ $argument == *[[:space:]]* ]]; then
            argument="'$argument'"
        fi
        command+=" $argument"
    done
    printf '\n== %s\n$ %s\n' "$title" "$command"
    if ! output=$("$binary" "$@" 2>&1); then
        wrong+=("$title: the command failed")
    elif ! grep --quiet --ignore-case --fixed-strings -- "$expected" <<<"$output"; then
        wrong+=("$title: expected '$expected'")
    fi
    printf '%s\n' "$output"
}

show "What runs where" "ONNX Runtime" doctor
show "Transcript" "what color is the shape?" transcribe "$color_question"
show "Caption" "a blue rectangle" caption "$picture"
show "Texts that match the picture" "0.99" match "$picture" --text "a red circle" --text "a blue rectangle"
show "A typed question about the picture" "blue" ask "$picture" "what color is the shape?"
show "A spoken question about the picture" "rectangle" ask "$picture" --audio "$shape_question"
show "The student's decision, from picture and question" "blue" fuse --image "$picture" --text "what color is the shape?"
if [[ $EDGEFUSE_CONFIG == configs/cpu.yaml ]]; then
    show "What a photograph shows" "espresso" classify "$photograph" --top 3
    show "Texts that fit the photograph" "something to drink" --model photos match "$photograph" --text "a rocket" --text "something to drink"
    index=$scratch/photos.idx
    search=(--config configs/examples/photographs.yaml search "$index" --top 1)
    show "An index of photographs" "3 indexed" --config configs/examples/photographs.yaml index "${photographs[@]}" --into "$index"
    show "A photograph found by what it shows" "chelsea.png" "${search[@]}" "a pet"
    show "A photograph found by a spoken request" "coffee.png" "${search[@]}" --audio "$spoken_request"
else
    printf '\n== Not shown: photographs, since %s has no model for them\n' "$EDGEFUSE_CONFIG"
fi
# Only configs/cpu.yaml has a language model: it needs ONNX Runtime 1.22 or newer.
if [[ $EDGEFUSE_CONFIG == configs/cpu.yaml ]]; then
    show "The language model answers a typed message" "lathe" chat --max-tokens 60 "Name three things to check before starting a lathe."
    show "The language model answers what was said" "tokens/s" chat --max-tokens 60 --audio "$color_question"
    show "What a recording is about" "reply" --config configs/examples/meeting.yaml run tests/data/librivox-0870.wav
else
    printf '\n== Not shown: the language model, which %s does not have\n' "$EDGEFUSE_CONFIG"
fi

if ((${#wrong[@]} > 0)); then
    printf '\n== Failed\n'
    printf '%s\n' "${wrong[@]}"
    exit 1
fi
printf '\nAll results are as expected.\n'
