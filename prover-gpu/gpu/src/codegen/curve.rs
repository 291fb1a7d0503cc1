//! Points of short Weierstrass curves y^2 = x^3 + b in XYZZ coordinates: x = X / ZZ,
//! y = Y / ZZZ and ZZ^3 = ZZZ^2, with ZZ = 0 at infinity.
//!
//! Formulas are those of the Explicit-Formulas Database, <https://hyperelliptic.org/EFD/g1p/auto-shortw-xyzz.html>.

use super::{Block, Degree, FieldCode, Layout, Value};

/// Coordinates of affine points in memory are at most this multiple of p, as products are.
const TABLE_BOUND: f64 = 1.2;

/// Coordinates ZZ and ZZZ are at most this multiple of p. Below 2, so that a zero is one of two
/// values.
const PRODUCT_BOUND: f64 = 1.9;

/// Coordinate Y is at most this multiple of p, which is what the negative of an affine point has.
const Y_BOUND: f64 = 2.0;

/// Functions on points of a curve with coefficient a = 0.
pub(crate) struct CurveCode {
    field: FieldCode,
    degree: Degree,
}

impl CurveCode {
    pub(crate) fn new(layout: Layout, degree: Degree) -> Self {
        Self { field: FieldCode::new(layout), degree }
    }

    pub(crate) const fn field(&mut self) -> &mut FieldCode {
        &mut self.field
    }

    pub(crate) const fn degree(&self) -> Degree {
        self.degree
    }

    /// Types `Fp`, `Element`, `Affine` and `Xyzz`, and every function asked for so far.
    pub(crate) fn source(&self, functions: &str) -> String {
        let element = match self.degree {
            Degree::One => "struct Element { c0: Fp }",
            Degree::Two => "struct Element { c0: Fp, c1: Fp }",
        };
        let zeros = vec!["Fp()"; self.degree.residues()].join(", ");
        format!(
            "{}{element}
struct Affine {{ x: Element, y: Element }}
struct Xyzz {{ x: Element, y: Element, zz: Element, zzz: Element }}
fn element_zero() -> Element {{ return Element({zeros}); }}
fn infinity() -> Xyzz {{
let zero = element_zero();
return Xyzz(zero, zero, zero, zero);
}}
{functions}",
            self.field.source()
        )
    }

    /// Coordinate X is at most this multiple of p: what a word-packed residue can hold.
    fn x_bound(&self) -> f64 {
        self.field.layout().capacity().min(6.0)
    }

    fn point(&self, name: &str) -> [Value; 4] {
        let value = |coordinate: &str, bound| Block::value(&format!("{name}.{coordinate}"), bound);
        [
            value("x", self.x_bound()),
            value("y", Y_BOUND),
            value("zz", PRODUCT_BOUND),
            value("zzz", PRODUCT_BOUND),
        ]
    }

    /// `fn negate_affine(a: Affine) -> Affine`.
    pub(crate) fn negate_affine(&mut self) -> String {
        let mut block = Block::new(&mut self.field, self.degree);
        let y = block.linear(&[(-1, &Block::value("a.y", TABLE_BOUND))]);
        let body = block.take();
        format!(
            "fn negate_affine(a: Affine) -> Affine {{\n{body}return Affine(a.x, {});\n}}\n",
            y.name
        )
    }

    /// `fn from_affine(a: Affine) -> Xyzz`.
    pub(crate) fn lift_affine(&mut self) -> String {
        let one = self.one();
        format!(
            "fn from_affine(a: Affine) -> Xyzz {{\nlet one = {one};\nreturn Xyzz(a.x, a.y, one, one);\n}}\n"
        )
    }

    /// The expression of 1.
    fn one(&mut self) -> String {
        let one = self.field.one();
        match self.degree {
            Degree::One => format!("Element({one}())"),
            Degree::Two => format!("Element({one}(), Fp())"),
        }
    }

    /// `fn double(a: Xyzz) -> Xyzz`, dbl-2008-s-1. The point must not have order two.
    pub(crate) fn double(&mut self) -> String {
        let (x_bound, [x, y, zz, zzz]) = (self.x_bound(), self.point("a"));
        let mut b = Block::new(&mut self.field, self.degree);
        let u = b.linear(&[(2, &y)]);
        let v = b.square(&u);
        let w = b.multiply(&u, &v);
        let s = b.multiply(&x, &v);
        let x_squared = b.square(&x);
        let m = b.linear(&[(3, &x_squared)]);
        let m_squared = b.square(&m);
        let x3 = b.linear(&[(1, &m_squared), (-2, &s)]);
        let x3 = b.fit(&x3, x_bound);
        let s_less_x3 = b.subtract(&s, &x3);
        let minus_y = b.linear(&[(-1, &y)]);
        let y3 = b.sum_of_products(&[(&m, &s_less_x3), (&minus_y, &w)]);
        let zz3 = b.multiply(&v, &zz);
        let zzz3 = b.multiply(&w, &zzz);
        let body = b.take();
        format!("fn double(a: Xyzz) -> Xyzz {{\n{body}{}}}\n", returned([&x3, &y3, &zz3, &zzz3]))
    }

    /// `fn add_affine(a: Xyzz, b: Affine) -> Xyzz`, madd-2008-s, for any `a` and any `b` but
    /// infinity, equal or opposite points included. Needs `from_affine`.
    pub(crate) fn add_affine(&mut self) -> String {
        let [x1, y1, zz1, zzz1] = self.point("a");
        let limit = self.x_bound();
        let mut b = Block::new(&mut self.field, self.degree);
        let (x2, y2) = (Block::value("b.x", TABLE_BOUND), Block::value("b.y", Y_BOUND));
        let is_infinity = b.is_zero(&zz1);
        b.statement(&format!("if ({is_infinity}) {{ return from_affine(b); }}"));
        let u2 = b.multiply(&x2, &zz1);
        let s2 = b.multiply(&y2, &zzz1);
        let p = b.subtract(&u2, &x1);
        let r = b.subtract(&s2, &y1);
        let sum = Sum { x: x1.clone(), y: y1.clone(), zz: zz1, zzz: zzz1, p, r };
        let sum = sum.or_double(&mut b, [&x1, &y1], "");
        let result = sum.finish(&mut b, limit);
        let body = b.take();
        format!("fn add_affine(a: Xyzz, b: Affine) -> Xyzz {{\n{body}{result}}}\n")
    }

    /// `fn add(a: Xyzz, b: Xyzz) -> Xyzz`, add-2008-s, for any two points.
    pub(crate) fn add(&mut self) -> String {
        let ([x1, y1, zz1, zzz1], [x2, y2, zz2, zzz2]) = (self.point("a"), self.point("b"));
        let limit = self.x_bound();
        let mut b = Block::new(&mut self.field, self.degree);
        for (zz, other) in [(&zz2, "a"), (&zz1, "b")] {
            let is_infinity = b.is_zero(zz);
            b.statement(&format!("if ({is_infinity}) {{ return {other}; }}"));
        }
        let u1 = b.multiply(&x1, &zz2);
        let u2 = b.multiply(&x2, &zz1);
        let s1 = b.multiply(&y1, &zzz2);
        let s2 = b.multiply(&y2, &zzz1);
        let p = b.subtract(&u2, &u1);
        let r = b.subtract(&s2, &s1);
        let zz = b.multiply(&zz1, &zz2);
        let zzz = b.multiply(&zzz1, &zzz2);
        // The left point, scaled to the denominators of both.
        let x = b.variable("x", &u1, x1.bound);
        let y = b.variable("y", &s1, y1.bound);
        let zz = b.variable("zz", &zz, zz1.bound);
        let zzz = b.variable("zzz", &zzz, zzz1.bound);
        let sum = Sum { x, y, zz, zzz, p, r };
        // What is doubled needs no scaling.
        let unscaled = "x = a.x; y = a.y; zz = a.zz; zzz = a.zzz;";
        let sum = sum.or_double(&mut b, [&x1, &y1], unscaled);
        let result = sum.finish(&mut b, limit);
        let body = b.take();
        format!("fn add(a: Xyzz, b: Xyzz) -> Xyzz {{\n{body}{result}}}\n")
    }

    /// `fn element_invert(a: Element) -> Element`, for a product.
    pub(crate) fn invert(&mut self) -> String {
        let invert = self.field.invert();
        if self.degree == Degree::One {
            return format!(
                "fn element_invert(a: Element) -> Element {{ return Element({invert}(a.c0)); }}\n"
            );
        }
        // 1 / (x + y u) = (x - y u) / (x^2 + y^2)
        let mut b = Block::new(&mut self.field, self.degree);
        let minus = b.linear(&[(-1, &Block::value("a", PRODUCT_BOUND))]);
        let body = b.take();
        let (one, two) = (self.field.multiply(1), self.field.multiply(2));
        let minus = minus.name;
        format!(
            "fn element_invert(a: Element) -> Element {{
{body}let inverse = {invert}({two}(a.c0, a.c0, a.c1, a.c1));
return Element({one}(a.c0, inverse), {one}({minus}.c1, inverse));
}}\n"
        )
    }

    /// `fn element_one() -> Element`.
    pub(crate) fn element_one(&mut self) -> String {
        format!("fn element_one() -> Element {{ return {}; }}\n", self.one())
    }

    /// `fn element_mul(a: Element, b: Element) -> Element`, of any coordinate and a product. Its
    /// results are fit for tables.
    pub(crate) fn multiply(&mut self) -> String {
        let any = self.x_bound();
        let mut b = Block::new(&mut self.field, self.degree);
        let product = b.multiply(&Block::value("a", any), &Block::value("b", PRODUCT_BOUND));
        assert!(product.bound <= TABLE_BOUND, "a product outgrows its bound");
        let body = b.take();
        format!(
            "fn element_mul(a: Element, b: Element) -> Element {{\n{body}return {};\n}}\n",
            product.name
        )
    }
}

/// An addition when P = U2 - U1 and R = S2 - S1 are known: the left point, with the denominators
/// of the sum, and these.
struct Sum {
    x: Value,
    y: Value,
    zz: Value,
    zzz: Value,
    p: Value,
    r: Value,
}

impl Sum {
    /// Where the points have the same x, doubles the left one or returns infinity.
    ///
    /// A doubling is an addition with P = 2 Y, R = 3 X^2 and no PPP in X3, so that the long part
    /// of the text serves both. `left` are the coordinates of the point that is doubled, and
    /// `assign` makes it the left one.
    fn or_double(self, b: &mut Block<'_>, left: [&Value; 2], assign: &str) -> Self {
        let [x, y] = left;
        let same_x = b.is_multiple(&self.p);
        let opposite = b.is_multiple(&self.r);
        let p = b.variable("p", &self.p, self.p.bound);
        let r = b.variable("r", &self.r, self.r.bound);
        b.statement("var doubles = false;");
        b.statement(&format!("if ({same_x}) {{"));
        b.statement(&format!("if (!({opposite})) {{ return infinity(); }}"));
        let twice_y = b.linear(&[(2, y)]);
        let twice_y = b.fit(&twice_y, p.bound);
        let x_squared = b.square(x);
        let slope = b.linear(&[(3, &x_squared)]);
        let slope = b.fit(&slope, r.bound);
        let (twice_y, slope) = (&twice_y.name, &slope.name);
        b.statement(&format!("doubles = true; p = {twice_y}; r = {slope}; {assign}"));
        b.statement("}");
        Self { p, r, ..self }
    }

    /// X3 = R^2 - PPP - 2 Q, Y3 = R (Q - X3) - Y PPP, and the denominators times PP and PPP.
    fn finish(self, b: &mut Block<'_>, limit: f64) -> String {
        let Self { x, y, zz, zzz, p, r } = self;
        let pp = b.square(&p);
        let ppp = b.multiply(&p, &pp);
        let q = b.multiply(&x, &pp);
        let rr = b.square(&r);
        let cube = b.variable("cube", &ppp, ppp.bound);
        b.statement("if (doubles) { cube = element_zero(); }");
        let x3 = b.linear(&[(1, &rr), (-1, &cube), (-2, &q)]);
        let x3 = b.fit(&x3, limit);
        let q_less_x3 = b.subtract(&q, &x3);
        let minus_y = b.linear(&[(-1, &y)]);
        let y3 = b.sum_of_products(&[(&r, &q_less_x3), (&minus_y, &ppp)]);
        let zz3 = b.multiply(&zz, &pp);
        let zzz3 = b.multiply(&zzz, &ppp);
        returned([&x3, &y3, &zz3, &zzz3])
    }
}

/// Returns a point, whose coordinates must keep to the bounds that its readers rely on.
fn returned(coordinates: [&Value; 4]) -> String {
    let [_, products @ ..] = coordinates;
    assert!(products.iter().all(|v| v.bound <= PRODUCT_BOUND), "a product outgrows its bound");
    let names = coordinates.map(|value| value.name.as_str()).join(", ");
    format!("return Xyzz({names});\n")
}
