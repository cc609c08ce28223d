//! Made-up packets, made-up time, and an assembler between them.

use super::super::*;

pub(super) const SSRC: u32 = 7;
pub(super) const MTU: usize = 100;
pub(super) const SPS_NAL: [u8; 6] = [0x67, 0x42, 0xe0, 0x1f, 0xda, 0x02];
pub(super) const PPS_NAL: [u8; 4] = [0x68, 0xce, 0x38, 0x80];

/// Makes packets as a sender would, with its own small packetizer.
pub(super) struct Sender {
    pub(super) sequence: u16,
    pub(super) timestamp: u32,
}

impl Sender {
    pub(super) fn new(sequence: u16, timestamp: u32) -> Self {
        Self { sequence, timestamp }
    }

    pub(super) fn packet(&mut self, payload: Vec<u8>, marker: bool) -> RtpPacket {
        let sequence = self.sequence;
        self.sequence = sequence.wrapping_add(1);
        RtpPacket {
            ssrc: SSRC,
            sequence,
            timestamp: self.timestamp,
            marker,
            payload: payload.into(),
            captured_unix_us: None,
        }
    }

    /// The packets of these NAL units: parameter sets as STAP-A, large ones as FU-A.
    pub(super) fn unit(&mut self, nals: &[Vec<u8>]) -> Vec<RtpPacket> {
        let mut payloads = Vec::new();
        let (sets, rest): (Vec<_>, Vec<_>) =
            nals.iter().partition(|nal| matches!(nal[0] & 0x1f, 7 | 8));
        if !sets.is_empty() {
            let mut stap = vec![0x78];
            for set in sets {
                stap.extend((set.len() as u16).to_be_bytes());
                stap.extend(set);
            }
            payloads.push(stap);
        }
        for nal in rest {
            if nal.len() <= MTU {
                payloads.push(nal.clone());
                continue;
            }
            let chunks: Vec<_> = nal[1..].chunks(MTU - 2).collect();
            for (index, chunk) in chunks.iter().enumerate() {
                let start = if index == 0 { 0x80 } else { 0 };
                let end = if index + 1 == chunks.len() { 0x40 } else { 0 };
                let mut fragment = vec![(nal[0] & 0xe0) | 28, start | end | (nal[0] & 0x1f)];
                fragment.extend(*chunk);
                payloads.push(fragment);
            }
        }
        self.timestamp = self.timestamp.wrapping_add(3_000);
        let last = payloads.len() - 1;
        payloads
            .into_iter()
            .enumerate()
            .map(|(index, payload)| self.packet(payload, index == last))
            .collect()
    }

    pub(super) fn keyframe(&mut self, size: usize) -> Vec<RtpPacket> {
        self.unit(&[SPS_NAL.to_vec(), PPS_NAL.to_vec(), slice(0x65, size)])
    }

    pub(super) fn delta(&mut self, size: usize) -> Vec<RtpPacket> {
        self.unit(&[slice(0x41, size)])
    }
}

pub(super) fn slice(header: u8, size: usize) -> Vec<u8> {
    let mut nal = vec![header, 0x88];
    nal.extend((0..size).map(|index| (index % 251) as u8 + 1));
    nal
}

pub(super) fn annex_b(nals: &[&[u8]]) -> Vec<u8> {
    nals.iter().flat_map(|nal| [&[0, 0, 0, 1], *nal].concat()).collect()
}

pub(super) fn keyframe_bytes(size: usize) -> Vec<u8> {
    annex_b(&[&SPS_NAL, &PPS_NAL, &slice(0x65, size)])
}

/// An assembler with its clock.
pub(super) struct Rig {
    pub(super) assembler: Assembler,
    pub(super) now: Instant,
    pub(super) units: Vec<EncodedUnit>,
    pub(super) requests: usize,
}

impl Rig {
    pub(super) fn new() -> Self {
        Self { assembler: Assembler::new(), now: Instant::now(), units: Vec::new(), requests: 0 }
    }

    pub(super) fn drain(&mut self) {
        while let Some(event) = self.assembler.poll_event() {
            match event {
                AssemblerEvent::Unit(unit) => self.units.push(unit),
                AssemblerEvent::RequestKeyframe { ssrc } => {
                    assert_eq!(Some(ssrc), self.assembler.ssrc);
                    self.requests += 1;
                }
            }
        }
    }

    pub(super) fn take(&mut self, packets: impl IntoIterator<Item = RtpPacket>) {
        for packet in packets {
            self.assembler.handle_packet(packet, self.now);
            self.drain();
        }
    }

    /// Lets time pass, stopping at each timeout the assembler asks for.
    pub(super) fn pass(&mut self, duration: Duration) {
        let end = self.now + duration;
        while let Some(at) = self.assembler.poll_timeout().filter(|at| *at <= end) {
            self.now = at.max(self.now);
            self.assembler.handle_timeout(self.now);
            self.drain();
        }
        self.now = end;
    }

    /// A rig that has received one keyframe.
    pub(super) fn started(sender: &mut Sender) -> Self {
        let mut rig = Self::new();
        rig.take(sender.keyframe(250));
        assert_eq!(rig.units.len(), 1);
        rig.units.clear();
        rig.requests = 0;
        rig
    }
}
