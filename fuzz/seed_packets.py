#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Seeds for fuzz_packets: the frames of test-pcaps/capture, one file each."""
import glob
import os
import struct

HERE = os.path.dirname(os.path.abspath(__file__))
INDEX = {1: 0, 113: 1, 276: 2, 101: 3, 0: 4, 117: 5}


def main():
    out = os.path.join(HERE, "corpus", "packets")
    os.makedirs(out, exist_ok=True)
    for path in glob.glob(f"{HERE}/../test-pcaps/capture/*/input.pcap"):
        with open(path, "rb") as f:
            data = f.read()
        if data[:4] != b"\xd4\xc3\xb2\xa1":
            continue
        link = struct.unpack_from("<I", data, 20)[0]
        seed, at = b"", 24
        while at + 16 <= len(data) and len(seed) < 6000:
            size = struct.unpack_from("<I", data, at + 8)[0]
            frame = data[at + 16:at + 16 + size]
            seed += struct.pack("!BBH", INDEX[link], 1, len(frame)) + frame
            at += 16 + size
        name = os.path.basename(os.path.dirname(path))
        with open(os.path.join(out, name), "wb") as f:
            f.write(seed)


if __name__ == "__main__":
    main()
