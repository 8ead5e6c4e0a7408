//! Synthetic claims for the tests of this crate.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::layout::{Family, Layouts};
use crate::raw::RawClaim;

/// Texts of a small visit; fields of other tables and layouts are left empty.
const HEAD: [(&str, &str); 34] = [
    ("MA_BN", "BN000123"),
    ("HO_TEN", "Nguyễn Thị Hoa"),
    ("SO_CCCD", "046185001234"),
    ("GIOI_TINH", "2"),
    ("MA_QUOCTICH", "000"),
    ("MA_DANTOC", "01"),
    ("MA_NGHE_NGHIEP", "00000"),
    ("DIA_CHI", "12 đường Lê Lợi"),
    ("MATINH_CU_TRU", "46"),
    ("MAXA_CU_TRU", "19774"),
    ("MA_DKBD", "46001;46002"),
    ("GT_THE_TU", "20230101;20240101"),
    ("GT_THE_DEN", "20231231;20251231"),
    ("LY_DO_VV", "Ho, sốt"),
    ("CHAN_DOAN_RV", "Viêm phổi"),
    ("TEN_BENH", "Viêm phổi"),
    ("MA_BENH_CHINH", "J18.9"),
    ("MA_BENH", "J18.9"),
    ("MA_BENH_KT", "I10;E11.9"),
    ("MA_BENHKHAC", "I10;E11.9"),
    ("MA_DOITUONG_KCB", "1.1"),
    ("MA_LYDO_VVIEN", "1"),
    ("SO_NGAY_DTRI", "3"),
    ("KET_QUA_DTRI", "2"),
    ("MA_LOAI_RV", "1"),
    ("TINH_TRANG_RV", "1"),
    ("T_THUOC", "120000"),
    ("T_TONGCHI_BV", "150500.5"),
    ("T_TONGCHI_BH", "150500.5"),
    ("T_TONGCHI", "150500.5"),
    ("T_BHTT", "120400.4"),
    ("T_BNCCT", "30100.1"),
    ("MA_KHOA", "K01;K02"),
    ("CAN_NANG", "54.5"),
];

/// A day on which `decision` is the layout, as `yyyyMMdd`.
pub(crate) fn day(decision: &str) -> &'static str {
    match decision {
        "4210" => "20220310",
        "130" => "20230601",
        "4750" => "20240815",
        _ => "20250309",
    }
}

/// An inpatient claim in the layout of `decision`, with `lines` drug lines and as many service lines.
pub(crate) fn claim(decision: &str, link: &str, lines: usize) -> RawClaim {
    let layout = Layouts::shared().get(decision).expect("a known decision");
    let old = layout.family == Family::Q4210;
    let day = day(decision);
    let at = |clock: &str| format!("{day}{clock}");
    let mut claim = RawClaim::new(layout, "46001", day);
    let card = "DN4460123456789;GD4460123456789";
    let head: Vec<(&str, &str)> =
        HEAD.into_iter().filter(|(tag, _)| layout.table(1).unwrap().index(tag).is_some()).collect();
    claim.add_row(1, &head);
    for (tag, text) in [
        ("MA_LK", link.to_owned()),
        ("NGAY_SINH", if old { "19850412".into() } else { "198504120000".into() }),
        (if old { "MA_THE" } else { "MA_THE_BHYT" }, card.to_owned()),
        ("NGAY_VAO", at("0700")),
        ("NGAY_RA", at("1630")),
        ("MA_LOAI_KCB", if old { "3".into() } else { "03".into() }),
        ("MA_CSKCB", "46001".to_owned()),
    ] {
        claim.set(1, 1, tag, Some(&text));
    }
    let (cost, price, order) =
        (if old { "THANH_TIEN" } else { "THANH_TIEN_BV" }, if old { "DON_GIA" } else { "DON_GIA_BV" }, at("0730"));
    for n in 1..=lines {
        let number = n.to_string();
        let both = [
            ("MA_LK", link),
            ("STT", &number),
            ("SO_LUONG", "2.5"),
            (cost, "2500"),
            ("T_BHTT", "2000"),
            ("NGAY_YL", &order),
            ("MA_KHOA", "K01"),
        ];
        claim.add_row(
            2,
            &[&both[..], &[("MA_THUOC", "40.17"), ("TEN_THUOC", "Paracetamol"), ("MA_NHOM", "4"), ("DON_GIA", "1000")]]
                .concat(),
        );
        claim.add_row(
            3,
            &[
                &both[..],
                &[("MA_DICH_VU", "02.1897.0001"), ("TEN_DICH_VU", "Khám Nội"), ("MA_NHOM", "13"), (price, "1000")],
            ]
            .concat(),
        );
    }
    claim.add_row(4, &[("MA_LK", link), ("MA_CHI_SO", "HBA1C"), ("GIA_TRI", "6.5"), ("NGAY_KQ", &order)]);
    claim.add_row(
        5,
        &[
            ("MA_LK", link),
            (if old { "DIEN_BIEN" } else { "DIEN_BIEN_LS" }, "Tỉnh, HA120/70"),
            (if old { "NGAY_YL" } else { "THOI_DIEM_DBLS" }, &order),
        ],
    );
    claim
}

/// The file of these claims.
pub(crate) fn file(claims: &[&RawClaim]) -> Vec<u8> {
    crate::write::envelope(Vec::new(), claims).expect("writing to memory")
}

/// `HOSO` of these tables, each as it shall stand in `NOIDUNGFILE`.
pub(crate) fn hoso(tables: &[(&str, String)]) -> String {
    let file = |(name, content): &(&str, String)| {
        format!("<FILEHOSO><LOAIHOSO>{name}</LOAIHOSO><NOIDUNGFILE>{content}</NOIDUNGFILE></FILEHOSO>")
    };
    format!("<HOSO>{}</HOSO>", tables.iter().map(file).collect::<String>())
}

/// An envelope of `count` claims around `hosos`.
pub(crate) fn envelope(count: &str, hosos: &str) -> String {
    format!(
        "<GIAMDINHHS><THONGTINDONVI><MACSKCB>46001</MACSKCB></THONGTINDONVI><THONGTINHOSO><NGAYLAP>20250310</NGAYLAP>\
         <SOLUONGHOSO>{count}</SOLUONGHOSO><DANHSACHHOSO>{hosos}</DANHSACHHOSO></THONGTINHOSO><CHUKYDONVI/></GIAMDINHHS>"
    )
}

/// Base64 of `xml`.
pub(crate) fn base64(xml: impl AsRef<[u8]>) -> String {
    STANDARD.encode(xml)
}

/// A short XML1 of the layout 3176.
pub(crate) fn xml1(link: &str) -> String {
    format!(
        "<TONG_HOP><MA_LK>{link}</MA_LK><MA_THE_BHYT/><NGAY_VAO>202503090700</NGAY_VAO><NGAY_RA>202503091630</NGAY_RA></TONG_HOP>"
    )
}
