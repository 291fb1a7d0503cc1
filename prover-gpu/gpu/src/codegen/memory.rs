//! Buffers of a shader, and the functions that read and write what lies in them.

use std::fmt::Write;

use super::{Degree, FieldCode};

/// What a buffer holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    /// `array<u32>`
    Words,
    /// `array<atomic<u32>>`
    Atomics,
    /// `array<vec2<u32>>`
    Pairs,
    /// Residues: `load_NAME(i)` and `store_NAME(i, x)`, as for those below.
    Residues,
    /// Points in XYZZ coordinates.
    Points,
    /// Affine points, in `chunks` buffers of 2^`shift` points each. Only the first can be written.
    Affines { chunks: u32, shift: u32 },
}

/// A buffer that a shader names.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Binding {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) writable: bool,
}

impl Binding {
    pub(crate) const fn read(name: &'static str, kind: Kind) -> Self {
        Self { name, kind, writable: false }
    }

    pub(crate) const fn write(name: &'static str, kind: Kind) -> Self {
        Self { name, kind, writable: true }
    }

    /// Buffers that it stands for.
    pub(crate) const fn buffers(&self) -> u32 {
        match self.kind {
            Kind::Affines { chunks, .. } => chunks,
            _ => 1,
        }
    }

    const fn array(&self) -> &'static str {
        match self.kind {
            Kind::Words => "array<u32>",
            Kind::Atomics => "array<atomic<u32>>",
            Kind::Pairs => "array<vec2<u32>>",
            Kind::Residues | Kind::Points | Kind::Affines { .. } => "array<vec4<u32>>",
        }
    }

    /// The names of its buffers in WGSL.
    fn names(&self) -> impl Iterator<Item = String> + use<> {
        let (name, kind) = (self.name, self.kind);
        (0..self.buffers()).map(move |chunk| match kind {
            Kind::Affines { .. } => format!("{name}_{chunk}"),
            _ => name.to_owned(),
        })
    }

    /// The declarations of its buffers, from binding `first` on.
    pub(crate) fn declarations(&self, first: u32) -> String {
        let access = if self.writable { "read_write" } else { "read" };
        let array = self.array();
        self.names().zip(first..).fold(String::new(), |mut s, (name, index)| {
            let _ =
                writeln!(s, "@group(0) @binding({index}) var<storage, {access}> {name}: {array};");
            s
        })
    }

    /// The functions that read and write it.
    pub(crate) fn accessors(&self, field: &mut FieldCode, degree: Degree) -> String {
        let mut s = String::new();
        let (fields, kind, quads) = match self.kind {
            Kind::Words | Kind::Atomics | Kind::Pairs => return s,
            Kind::Residues => (&[] as &[_], "Fp", residue_quads(field)),
            Kind::Points => (&["x", "y", "zz", "zzz"][..], "Xyzz", element_quads(field, degree)),
            Kind::Affines { .. } => (&["x", "y"][..], "Affine", element_quads(field, degree)),
        };
        let record = quads * fields.len().max(1);
        let name = self.name;
        let buffers: Vec<_> = self.names().collect();
        let _ = writeln!(s, "fn load_{name}(i: u32) -> {kind} {{");
        for (chunk, buffer) in buffers.iter().enumerate() {
            let (condition, index) = match self.kind {
                Kind::Affines { chunks, shift } if chunks > 1 => (
                    format!("if ((i >> {shift}u) == {chunk}u) "),
                    format!("(i & {}u)", (1_u32 << shift) - 1),
                ),
                _ => (String::new(), "i".into()),
            };
            let _ = writeln!(s, "{condition}{{ let k = {index} * {record}u;");
            let mut read = |offset: usize| load(field, degree, fields.is_empty(), buffer, offset);
            let parts: Vec<_> = (0..fields.len()).map(|f| read(f * quads)).collect();
            let value =
                if parts.is_empty() { read(0) } else { format!("{kind}({})", parts.join(", ")) };
            let _ = writeln!(s, "return {value}; }}");
        }
        if buffers.len() > 1 {
            // No index lies beyond the last chunk, but the function must return.
            let _ = writeln!(s, "return {kind}();");
        }
        s.push_str("}\n");
        if self.writable {
            let _ = writeln!(s, "fn store_{name}(i: u32, p: {kind}) {{ let k = i * {record}u;");
            let buffer = &buffers[0];
            if fields.is_empty() {
                s.push_str(&store_residue(field, buffer, 0, "p"));
            }
            for (f, coordinate) in fields.iter().enumerate() {
                for (r, part) in ["c0", "c1"].iter().take(degree.residues()).enumerate() {
                    let offset = f * quads + r * residue_quads(field);
                    s.push_str(&store_residue(
                        field,
                        buffer,
                        offset,
                        &format!("p.{coordinate}.{part}"),
                    ));
                }
            }
            s.push_str("}\n");
        }
        s
    }
}

/// Quads of words in a residue.
const fn residue_quads(field: &FieldCode) -> usize {
    field.layout().words / 4
}

const fn element_quads(field: &FieldCode, degree: Degree) -> usize {
    residue_quads(field) * degree.residues()
}

/// The expression of the residue or element that begins `offset` quads after `k`.
fn load(
    field: &mut FieldCode,
    degree: Degree,
    residue: bool,
    buffer: &str,
    offset: usize,
) -> String {
    let quads = residue_quads(field);
    let unpack = field.unpack();
    let one = |offset: usize| {
        let quads: Vec<_> =
            (offset..offset + quads).map(|q| format!("{buffer}[k + {q}u]")).collect();
        format!("{unpack}({})", quads.join(", "))
    };
    if residue {
        return one(offset);
    }
    let parts: Vec<_> = (0..degree.residues()).map(|r| one(offset + r * quads)).collect();
    format!("Element({})", parts.join(", "))
}

/// The statements that store a residue `offset` quads after `k`.
fn store_residue(field: &mut FieldCode, buffer: &str, offset: usize, value: &str) -> String {
    (0..residue_quads(field)).fold(String::new(), |mut s, quad| {
        let pack = field.pack(quad);
        let _ = writeln!(s, "{buffer}[k + {}u] = {pack}({value});", offset + quad);
        s
    })
}
