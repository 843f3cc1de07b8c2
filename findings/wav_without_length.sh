#!/usr/bin/env bash
# tinytag and mutagen: one second of speech lasts a day when its WAV file was written to a stream.
#
# Expected: a reader of metadata tells the length of the audio, or none where the header does not state it.
# Happens: a WAV writer that cannot seek back (FFmpeg, here through PyAV, into a pipe or a response) leaves the sizes at
#   0xFFFFFFFF. tinytag and mutagen divide that number by the byte rate: 89478 s for one second. Python's wave module
#   says so too until the frames are read. libsndfile (soundfile) goes by the real size.
# Matters to: anyone who bills, limits or splits speech by duration: streamed text-to-speech is such a file.
# Versions: av 16.0.1, tinytag 2.3.2, mutagen 1.48.1, soundfile 0.14.0, numpy 2.4.6, Python 3.11.
# Seen on 2026-11-28: see below.
set -euo pipefail
unset PYTHONPATH
tmp="$(mktemp -d)"
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
python3 -m venv venv
venv/bin/pip install --quiet av==16.0.1 tinytag==2.3.2 mutagen==1.48.1 soundfile==0.14.0 numpy==2.4.6

cat >probe.py <<'PYTHON'
import wave

import av
import mutagen.wave
import numpy
import soundfile
from tinytag import TinyTag


class Stream:
    """A target that can only be written to, like a socket."""

    def __init__(self):
        self.data = bytearray()

    def write(self, data):
        self.data += bytes(data)
        return len(data)


target = Stream()
with av.open(target, "w", format="wav") as container:
    stream = container.add_stream("pcm_s16le", rate=24000, layout="mono")
    frame = av.AudioFrame.from_ndarray(numpy.zeros((1, 24000), dtype="int16"), format="s16", layout="mono")
    frame.sample_rate = 24000
    container.mux(stream.encode(frame))
    container.mux(stream.encode(None))
with open("speech.wav", "wb") as file:
    file.write(target.data)
print("RIFF size", target.data[4:8].hex())
with wave.open("speech.wav") as reader:
    frames = reader.getnframes()
    print(f"wave: {frames / 24000:.0f} s by its header, {len(reader.readframes(frames)) / 48000:.0f} s read")
print(f"tinytag: {TinyTag.get('speech.wav').duration:.0f} s")
print(f"mutagen: {mutagen.wave.WAVE('speech.wav').info.length:.0f} s")
print(f"soundfile: {soundfile.info('speech.wav').duration:.0f} s")
PYTHON
cat >expected <<'TEXT'
RIFF size ffffffff
wave: 89478 s by its header, 1 s read
tinytag: 89478 s
mutagen: 89478 s
soundfile: 1 s
TEXT
venv/bin/python probe.py | tee seen
diff -u expected seen || {
    echo "A reader tells another length for a WAV file without sizes now." >&2
    exit 1
}
