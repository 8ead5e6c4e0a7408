//! For every rule of `content/claims/rules.csv`: a change that breaks it, and a neighbour that does not.

/// One rule, in one layout.
pub struct Case {
    /// Id.
    pub rule: &'static str,
    /// Layout of the claim; `3176/0` is a check-in.
    pub layout: &'static str,
    /// Steps that break the rule (see `Draft::change`).
    pub bad: &'static str,
    /// Steps close to them that do not.
    pub near: &'static str,
    /// Other rules that `bad` must break too.
    pub also: &'static [&'static str],
}

const fn case(rule: &'static str, layout: &'static str, bad: &'static str, near: &'static str) -> Case {
    Case { rule, layout, bad, near, also: &[] }
}

const fn with(case: Case, also: &'static [&'static str]) -> Case {
    Case { also, ..case }
}

/// Another source pays 1,000 đồng of the drug line for this person, out of the co-payment.
macro_rules! supported {
    ($more:literal) => {
        concat!(
            "2 T_NGUONKHAC_VTTN=1000 | 2 T_NGUONKHAC=1000 | 2 T_BNCCT=1501 | 1 T_NGUONKHAC=1000 | 1 T_BNCCT=149361",
            $more
        )
    };
}

/// The same support given to the facility as a whole: taken from the total first, then split. Nothing is wrong with it.
pub const SHARED: &str = "2 T_NGUONKHAC_VTTN=1000 | 2 T_NGUONKHAC=1000 | 2 THANH_TIEN_BH=11505 | 2 T_BHTT=9204 | 2 T_BNCCT=2301 \
    | 1 T_NGUONKHAC=1000 | 1 T_TONGCHI_BH=750805 | 1 T_BHTT=600644 | 1 T_BNCCT=150161 | 1 T_BHTT_GDV=600644";

const TABLES: &[Case] = &[
    case("ENV-FACILITY", "3176", "@46002", "@46001"),
    case("ENV-SENDER", "3176", "?ENV-SENDER", ""),
    case("ENV-DUPLICATE", "3176", "?ENV-DUPLICATE", ""),
    case("TAB-ONE-ROW", "3176", "+7:1", "+5:1 | 5:2 STT=2"),
    case("TAB-XML4-MISSING", "3176", "-4", "-4 | 3:2 MA_DICH_VU=23.0003.K.46002 | 3:3 MA_DICH_VU=18.0119.K.46002"),
    case("TAB-XML5-MISSING", "3176", "-5", "-5 | -7 | -8 | 1 MA_LOAI_KCB=01 | 1 SO_NGAY_DTRI=0"),
    case("TAB-XML7-MISSING", "3176", "-7", "-7 | 1 MA_LOAI_RV=3"),
    case("TAB-XML7-UNEXPECTED", "3176", "1 MA_LOAI_RV=3", "1 MA_LOAI_RV=4"),
    case("TAB-XML8-MISSING", "3176", "-8", "-7 | -8 | 1 MA_LOAI_KCB=02"),
    case("TAB-XML8-UNEXPECTED", "3176", "-7 | 1 MA_LOAI_KCB=02", "-7 | 1 MA_LOAI_KCB=06"),
    case(
        "TAB-XML13-MISSING",
        "3176",
        "-13 | 1 MA_LOAI_RV=2 | 1 MA_NOI_DEN=46002",
        "1 MA_LOAI_RV=2 | 1 MA_NOI_DEN=46002",
    ),
    case("TAB-XML14-MISSING", "3176", "-14", "-14 | 1 NGAY_TAI_KHAM="),
    case("STT-TWICE", "3176", "3:2 STT=1", "3:1 STT=2 | 3:2 STT=1"),
];

const FIELDS: &[Case] = &[
    case("FLD-REQUIRED", "3176", "1 DIA_CHI=", "1 NHOM_MAU="),
    case("FLD-REQUIRED", "3176", "1 MAHUYEN_CU_TRU=", "9 HO_TEN_CON="),
    case("FLD-REQUIRED", "4210", "1 MA_BN=", "1 MA_KHUVUC="),
    case("FLD-KEY", "4210", "1 HO_TEN=", "1 HO_TEN=A"),
    case("FLD-CONDITIONAL", "3176", "3:4 TT_THAU=", "3:3 TT_THAU="),
    case("FLD-CONDITIONAL", "3176", "2 SO_DANG_KY=", "2 SO_DANG_KY= | 2 MA_THUOC=40.17"),
    case(
        "FLD-CONDITIONAL",
        "3176",
        "7 SO_NGAY_NGHI=2 | 7 NGOAITRU_TUNGAY=%12",
        "7 SO_NGAY_NGHI=2 | 7 NGOAITRU_TUNGAY=%12 | 7 NGOAITRU_DENNGAY=%13",
    ),
    case(
        "FLD-CONDITIONAL",
        "3176/0",
        "0 NGAY_VAO_NOI_TRU=%100900 | 0 LY_DO_VNT=",
        "0 NGAY_VAO_NOI_TRU= | 0 LY_DO_VNT=",
    ),
    case("FLD-CONDITIONAL", "4210", "3:4 TEN_VAT_TU=", "3:3 TEN_VAT_TU="),
    case("FLD-PRACTICE", "3176", "3:2 MA_MAY=", "3:1 MA_MAY="),
    case("FLD-LENGTH", "3176", "1 NHOM_MAU=12345678901", "1 NHOM_MAU=AB+"),
    case("FLD-LENGTH", "4210", "2 TT_THAU=12345678901234567890123456", "2 TT_THAU=1234567890123456789012345"),
    case("FLD-LENGTH-LISTED", "3176", "1 NHOM_MAU=123456", "1 NHOM_MAU=Nhóm·"),
    case("FLD-NUMBER", "3176", "2 SO_LUONG=1,5", "3:1 SO_LUONG=1.000"),
    case("FLD-NUMBER", "3176", "1 CAN_NANG=52kg", "1 CAN_NANG=52"),
    case("FLD-DECIMALS", "3176", "1 CAN_NANG=52.123", "1 CAN_NANG=52.120"),
    case("FLD-DECIMALS", "3176", "2 T_BHTT=10004.001", "2 T_BHTT=10004.000"),
    with(case("FLD-NEGATIVE", "3176", "2 SO_LUONG=-10", "2 SO_LUONG=10"), &["LINE-BV", "LINE-BH"]),
    case("FLD-DATE", "3176", "14 NGAY_CT=20250230", "14 NGAY_CT=20250330"),
    case("FLD-DATE", "3176", "2 NGAY_YL=202503102400", "2 NGAY_YL=202503102359"),
    case("FLD-DATE", "3176", "1 NGAY_SINH=198500200000", "1 NGAY_SINH=198500000000"),
    case("FLD-CODE", "3176", "1 KET_QUA_DTRI=9", "1 KET_QUA_DTRI=2"),
    case("FLD-CODE", "130", "1 MA_LOAI_KCB=17 | -7 | -8", "1 MA_LOAI_KCB=3"),
    case("FLD-CODE", "3176", "6 MA_XU_TRI=1;9", "6 MA_XU_TRI=1;8"),
    case("FLD-CODE-UNSURE", "4210", "2 MA_PTTT=9", "2 MA_PTTT=0"),
    case("FLD-CODE-ERA", "3176", "1 MA_LOAI_KCB=14 | -7 | -8", "1 MA_LOAI_KCB=10 | -7 | -8"),
];

const PERSONS: &[Case] = &[
    case("CARD-MISSING", "3176", "1 MA_THE_BHYT=", "1 MA_THE_BHYT= | 1 MA_DOITUONG_KCB=9"),
    case("CARD-FORMAT", "3176", "1 MA_THE_BHYT=DN6460012345678", "1 MA_THE_BHYT=TE1460000000001"),
    case("CARD-LETTERS", "3176", "1 MA_THE_BHYT=ZZ4460012345678", "1 MA_THE_BHYT=GD4460012345678"),
    case("CARD-LEVEL", "3176", "1 MA_THE_BHYT=DN1460012345678", "1 MA_THE_BHYT=HN2460012345678"),
    case(
        "CARD-COUNT",
        "3176",
        "1 MA_DKBD=46001;46002",
        "1 MA_THE_BHYT=DN4460012345678;GD4460012345678 | 1 MA_DKBD=46001;46002 | 1 GT_THE_TU=20250101;20250301 | 1 GT_THE_DEN=20250228;20251231",
    ),
    with(
        case("CARD-DATES", "3176", "1 GT_THE_TU=%12 | 1 GT_THE_DEN=%11", "1 GT_THE_TU=%12 | 1 GT_THE_DEN=%12"),
        &["CARD-EXPIRED"],
    ),
    case("CARD-EXPIRED", "3176", "1 GT_THE_DEN=%11", "1 GT_THE_DEN=%12"),
    case("CARD-NOT-YET", "3176", "1 GT_THE_TU=%13", "1 GT_THE_TU=%12"),
    case("ID-CCCD", "3176", "1 SO_CCCD=04618500000", "1 SO_CCCD=B1234567"),
    case("ID-BHXH", "3176", "9 MA_BHXH_NND=0000000000", "9 MA_BHXH_NND="),
    case("ID-TTDV", "4750", "1 MA_TTDV=462000000", "1 MA_TTDV=4620000009"),
    case("ID-TTDV", "130", "7 MA_TTDV=46200000a0 | 8 MA_TTDV=4620000001", "1 MA_TTDV="),
    case("ID-BIRTH", "3176", "1 NGAY_SINH=202503130000", "1 NGAY_SINH=202503120100"),
    case("ID-BIRTH-TIME", "3176", "1 NGAY_SINH=202502150000 | 1 MA_BENH_KT=", "1 NGAY_SINH=202502150001"),
    case("ID-AGE", "3176", "1 NGAY_SINH=190400000000", "1 NGAY_SINH=190500000000"),
    case("FMT-FACILITY", "3176", "1 MA_NOI_DI=4601", "1 MA_NOI_DI=46017"),
    case("FMT-FACILITY", "4210", "1 MA_DKBD=4601", "1 MA_DKBD=46000"),
    case("FMT-LIST", "3176", "1 MA_BENH_KT=I10;E11.9;", "1 MA_BENH_KT=I10;E11.9"),
    case("FMT-BED", "3176", "3:5 MA_GIUONG=H01", "3:5 MA_GIUONG=H001;T002"),
    case("FMT-BED", "4210", "3:5 MA_GIUONG=01", "3:5 MA_GIUONG=H001"),
    case("FMT-PACKAGE", "3176", "3:4 GOI_VTYT=G0", "3:4 GOI_VTYT=G10"),
    case("FMT-PACKAGE", "4210", "3:4 GOI_VTYT=1", "3:4 GOI_VTYT=G1"),
    case("FMT-TENDER-DRUG", "3176", "2 TT_THAU=12/QĐ;G1;2024", "2 TT_THAU=3/VB;2024"),
    case("FMT-TENDER-SUPPLY", "3176", "3:4 TT_THAU=12/QĐ;N1;G1;2024", "3:4 TT_THAU=12/QĐ.46001;G1;N0;2024"),
    case("FMT-REGISTRATION", "3176", "2 SO_DANG_KY=VD·1·20", "2 SO_DANG_KY=HD.46001.25.1"),
    case("FMT-MACHINE", "3176", "3:2 MA_MAY=SH.4.A1", "3:2 MA_MAY=SH.1.A1"),
    case("FMT-ABORTED", "3176", "3:2 MA_DICH_VU=23.0003.1494_TB", "3:2 MA_DICH_VU=23.0003.1494_GT"),
    with(case("FMT-NO-PRICE", "3176", "3:2 MA_DICH_VU=23.0003.0000", "3:2 MA_DICH_VU=23.0003.1494"), &["LINK-RESULT"]),
    case("FMT-GESTATION", "3176", "11 TUOI_THAI=43", "11 TUOI_THAI=42"),
    case("FMT-DEPARTMENT", "3176", "2 MA_KHOA=NOI", "2 MA_KHOA=K04"),
    case("FMT-DEPARTMENT", "4210", "1 MA_KHOA=K02;NOI", "1 MA_KHOA=K02;K31"),
    case("ICD-MAIN-ONE", "3176", "1 MA_BENH_CHINH=J18;I10", "1 MA_BENH_CHINH=I10"),
    case("ICD-MAIN", "3176", "1 MA_BENH_CHINH=J99.99", "1 MA_BENH_CHINH=J18.0"),
    case("ICD-MAIN", "4210", "1 MA_BENH=Y999", "1 MA_BENH=J18.0"),
    case("ICD-OTHER", "3176", "1 MA_BENH_KT=I10;QQ", "1 MA_BENH_KT=I10;J45.9"),
    case("ICD-LINE", "3176", "3:1 MA_BENH=QQ", "3:1 MA_BENH=J18.9;I10"),
    case(
        "ICD-COUNT",
        "3176",
        "1 MA_BENH_KT=I10;I10;I10;I10;I10;I10;I10;I10;I10;I10;I10;I10;I10",
        "1 MA_BENH_KT=I10;I10;I10;I10;I10;I10;I10;I10;I10;I10;I10;I10",
    ),
    case("ICD-COUNT", "4210", "1 MA_BENHKHAC=I10;I10;I10;I10;I10;I10;I10;I10;I10;I10;I10;I10;I10", "1 MA_BENHKHAC=I10"),
    case("ICD-PARENT", "3176", "1 MA_BENH_CHINH=J18", "1 MA_BENH_CHINH=I10"),
    case("ICD-SEX", "3176", "1 MA_BENH_KT=N40", "1 GIOI_TINH=1 | 1 MA_BENH_KT=N40"),
    case("ICD-AGE", "3176", "1 MA_BENH_KT=P07.3", "1 MA_BENH_KT=J45.9"),
    case("ICD-SYMPTOM", "3176", "1 MA_BENH_CHINH=R53", "1 MA_BENH_CHINH=R50.9"),
    case("ICD-NOT-MAIN", "3176", "1 MA_BENH_CHINH=B95.0", "1 MA_BENH_KT=B95.0"),
    case("ICD-TRADITIONAL", "3176", "1 MA_BENH_YHCT=U50.0;U51.0", "1 MA_BENH_YHCT=U50.0;U51.0;U52.0"),
];

const MONEY: &[Case] = &[
    with(case("RATE-RANGE", "3176", "2 TYLE_TT_BH=101", "2 TYLE_TT_BH=100"), &["LINE-BH"]),
    with(case("RATE-SERVICE", "3176", "3:1 TYLE_TT_DV=60", "3:1 TYLE_TT_DV=100"), &["LINE-BV", "LINE-BH"]),
    with(case("RATE-BENEFIT", "3176", "2 MUC_HUONG=70", "2 MUC_HUONG=80"), &["LINE-BHTT"]),
    case(
        "RATE-SCOPE",
        "3176",
        "2 PHAM_VI=2",
        "3:4 PHAM_VI=2 | 3:4 TYLE_TT_BH=0 | 3:4 THANH_TIEN_BH=0 | 3:4 T_BHTT=0 | 3:4 T_BNCCT=0 | 3:4 T_BNTT=20000 | 1 T_TONGCHI_BH=741805 | 1 T_BHTT=593444 | 1 T_BNCCT=148361 | 1 T_BNTT=24600 | 1 T_BHTT_GDV=593444",
    ),
    case("RATE-SCOPE", "4210", "2 PHAM_VI=2", "2 PHAM_VI=3"),
    with(case("RATE-PRICE", "3176", "3:5 DON_GIA_BH=200001", "3:5 DON_GIA_BH=200000"), &["LINE-BH"]),
    case("RATE-REUSE", "3176", "3:3 TAI_SU_DUNG=1", "3:4 TAI_SU_DUNG=1"),
    case("LINE-AMOUNT", "4210", "2 SO_LUONG=11", "2 SO_LUONG=10.000"),
    case("LINE-BV", "3176", "3:3 DON_GIA_BV=70001", "3:3 DON_GIA_BV=70000.00"),
    with(
        case(
            "LINE-BV",
            "130",
            "3:5 TYLE_TT_DV=50 | 3:5 DON_GIA_BV=199999 | 3:5 DON_GIA_BH=199999",
            "3:5 TYLE_TT_DV=50",
        ),
        &["LINE-BH"],
    ),
    case("LINE-BH", "3176", "3:4 TYLE_TT_BH=40", "3:4 TYLE_TT_BH=50.0"),
    case("LINE-BH", "4750", "3:4 TYLE_TT_BH=40", "3:4 TYLE_TT_BH=50.0"),
    with(
        case("LINE-BH-SUPPORT", "3176", supported!(" | 2 THANH_TIEN_BH=12500 | 1 T_TONGCHI_BH=751800"), SHARED),
        &["TOTAL-FORMULA"],
    ),
    case("LINE-BHTT", "3176", "2 MUC_HUONG=95", "2 MUC_HUONG=80.0"),
    case("LINE-BHTT", "4210", "2 MUC_HUONG=95", "2 MUC_HUONG=80.0"),
    with(
        case("LINE-BNCCT", "3176", "2 T_BNCCT=2500 | 2 T_BNTT=1 | 1 T_BNCCT=150360 | 1 T_BNTT=14601", "2 T_BNCCT=2501"),
        &["LINE-BNTT"],
    ),
    case("LINE-BNCCT", "4210", "2 T_BNCCT=2500 | 1 T_BNCCT=150360", "2 T_BNCCT= | 1 T_BNCCT=147860"),
    with(case("LINE-BNTT", "3176", "2 T_BNTT=1 | 1 T_BNTT=14601", "2 T_BNTT=0"), &["LINE-BALANCE", "TOTAL-BALANCE"]),
    case("LINE-SUPPORT", "3176", "2 T_NGUONKHAC_CL=1", "2 T_NGUONKHAC_CL=0.00"),
    with(
        case("LINE-BALANCE", "3176", supported!(" | 2 T_BNCCT=1500 | 1 T_BNCCT=149360 | 1 T_BNTT=14601"), SHARED),
        &["TOTAL-BNTT", "TOTAL-FORMULA"],
    ),
    case("TOTAL-DRUGS", "3176", "1 T_THUOC=12506", "1 T_THUOC=12505.05"),
    case("TOTAL-SUPPLIES", "3176", "1 T_VTYT=19999", "1 T_VTYT=19999.95"),
    case("TOTAL-COST", "4210", "1 T_TONGCHI=751806", "1 T_TONGCHI=751805.05"),
    with(case("TOTAL-BV", "3176", "1 T_TONGCHI_BV=766406", "1 T_TONGCHI_BV=766405.05"), &["TOTAL-BALANCE"]),
    case("TOTAL-BH", "3176", "1 T_TONGCHI_BH=751804", "1 T_TONGCHI_BH=751804.95"),
    with(case("TOTAL-BNTT", "3176", "1 T_BNTT=14601", "1 T_BNTT=14600.04"), &["TOTAL-BALANCE"]),
    with(case("TOTAL-BNCCT", "3176", "1 T_BNCCT=150360", "1 T_BNCCT=150361.01"), &["TOTAL-BALANCE"]),
    with(case("TOTAL-BHTT", "3176", "1 T_BHTT=601445", "1 T_BHTT=601444.02"), &["TOTAL-BALANCE"]),
    case("TOTAL-BHTT", "4210", "1 T_BHTT=601445", "1 T_BHTT=601444.05"),
    with(case("TOTAL-NGUONKHAC", "3176", "1 T_NGUONKHAC=1", "1 T_NGUONKHAC=0.00"), &["TOTAL-BALANCE"]),
    case("TOTAL-NGOAIDS", "4210", "1 T_NGOAIDS=1", "1 T_NGOAIDS=1 | 3:1 T_NGOAIDS=1"),
    case("TOTAL-GDV", "3176", "3:1 MA_PTTT=2", "3:1 MA_PTTT=2 | 1 MA_THE_BHYT=QN5460012345678"),
    case("TOTAL-BALANCE", "3176", "1 T_TONGCHI_BV=766405.05 | 1 T_BNTT=14599.95", "1 T_TONGCHI_BV=766405.05"),
    case("TOTAL-FORMULA", "3176", supported!(""), SHARED),
];

const TIMES: &[Case] = &[
    case("DAYS-COUNT", "3176", "1 SO_NGAY_DTRI=2", "1 SO_NGAY_DTRI=3"),
    case("DAYS-COUNT", "4750", "1 MA_LOAI_KCB=01 | -7 | -8", "1 MA_LOAI_KCB=01 | 1 SO_NGAY_DTRI=0 | -7 | -8"),
    case("LEAVE-PRENATAL-DAYS", "3176", "10 SO_NGAY=2", "10 SO_NGAY=3"),
    case("LEAVE-PRENATAL-DAYS", "4750", "10 SO_NGAY=4", "10 SO_NGAY=2"),
    case("LEAVE-SICK-DAYS", "3176", "11 SO_NGAY_NGHI=31", "11 SO_NGAY_NGHI=180 | 1 MA_BENH_CHINH=A16.2"),
    case("LEAVE-ORDER", "3176", "11 DEN_NGAY=%09", "11 DEN_NGAY=%10"),
    case("LEAVE-START", "3176", "11 TU_NGAY=%11", "11 TU_NGAY=%10"),
    case("LEAVE-TEXT", "3176", "10 CHAN_DOAN_RV=Thai·12·tuần", "10 CHAN_DOAN_RV=DƯỠNG·THAI"),
    case("PAPER-DAY", "3176", "7 NGAY_CT=%13", "7 NGAY_CT=%12"),
    case("PERIOD-MONTH", "3176", "1 THANG_QT=13", "1 THANG_QT=12"),
    case("PERIOD-EARLY", "3176", "1 THANG_QT=2", "1 THANG_QT=3"),
    case("TIME-ADMIT", "3176", "1 NGAY_VAO_NOI_TRU=%100759", "1 NGAY_VAO_NOI_TRU=%100800"),
    case("TIME-ADMIT", "3176/0", "0 NGAY_VAO_NOI_TRU=%100759", "0 NGAY_VAO_NOI_TRU=%100800"),
    case("TIME-LEAVE", "3176", "1 NGAY_VAO_NOI_TRU=%121001", "1 NGAY_VAO_NOI_TRU=%121000"),
    with(case("TIME-LEAVE", "4210", "1 NGAY_VAO=%121001", "1 NGAY_VAO=%100801"), &["AUDIT-BED-SHORT"]),
    case("TIME-WRITTEN", "3176", "~%11", "~%12"),
    case("TIME-PAID", "3176", "1 NGAY_TTOAN=%120959", "1 NGAY_TTOAN=%121000"),
    case("TIME-ORDER", "3176", "2 NGAY_YL=%121001", "2 NGAY_YL=%121000"),
    case("TIME-PERFORM", "3176", "3:2 NGAY_TH_YL=%100839", "3:2 NGAY_TH_YL=%100840"),
    case("TIME-PERFORM", "130", "3:2 NGAY_TH_YL=%100839", "3:2 NGAY_TH_YL=%100840"),
    case("TIME-RESULT", "3176", "3:2 NGAY_KQ=%100839", "3:2 NGAY_KQ=%100850"),
    case("TIME-RESULT", "4210", "3:2 NGAY_KQ=%100839", "3:2 NGAY_KQ=%100840"),
    case("TIME-RESULT-PERFORM", "3176", "3:2 NGAY_KQ=%100849", "3:2 NGAY_KQ=%100850"),
    case("TIME-APPOINTMENT", "3176", "14 NGAY_HEN_KL=%11", "14 NGAY_HEN_KL=%12"),
    case("TIME-APPOINTMENT", "4750", "14 NGAY_HEN_KL=%110800", "14 NGAY_HEN_KL=%120800"),
    case("TIME-APPOINTMENT-PAPER", "3176", "14 NGAY_CT=%09", "14 NGAY_CT=%10"),
    case("ARV-DAYS", "3176", "6 SO_NGAY_CAP_THUOC_ARV=3", "6 SO_NGAY_CAP_THUOC_ARV=1"),
    case("SAME-XML1", "3176", "14 NGAY_SINH=198505210000", "14 NGAY_SINH="),
    case("SAME-XML1", "3176", "13 NGAY_RA=%101000;%111000", "13 NGAY_RA=%101000;%121000"),
    case("SAME-LOCAL-ID", "3176", "7 MA_YTE=BN002", "7 MA_YTE=BN001"),
    case("LINK-RESULT", "3176", "4 MA_DICH_VU=23.0003.9999", "4 MA_DICH_VU="),
    case("LINK-RESULT", "4210", "4 MA_DICH_VU=23.9999", "4 MA_DICH_VU=18.0119.0028"),
    case("LINK-DRUG", "3176", "2 MA_DICH_VU=18.0119.0028;18.0000.0001", "2 MA_DICH_VU=18.0119.0028"),
    case("RESULT-CONCLUSION", "3176", "4:2 KET_LUAN=", "4:1 KET_LUAN="),
    case("RESULT-BOTH", "3176", "4:1 KET_LUAN=Tốt", "4:2 GIA_TRI=1 | 4:2 NGAY_KQ=%100900"),
    case(
        "CHECKIN-ONE",
        "3176/0",
        "0 MA_THUOC=40.1 | 0 TEN_THUOC=Thuốc",
        "0 MA_DICH_VU= | 0 TEN_DICH_VU= | 0 MA_THUOC=40.1 | 0 TEN_THUOC=Thuốc",
    ),
    case("CHECKIN-ONE", "4750/0", "0 MA_DICH_VU= | 0 TEN_DICH_VU=", ""),
];

const AUDIT: &[Case] = &[
    with(
        case(
            "AUDIT-BED-SHORT",
            "3176",
            "1 NGAY_VAO=%120601 | 1 SO_NGAY_DTRI=1 | 1 NGAY_VAO_NOI_TRU=%120601",
            "1 NGAY_VAO=%120600 | 1 SO_NGAY_DTRI=1 | 1 NGAY_VAO_NOI_TRU=%120600",
        ),
        &["TIME-ORDER", "LEAVE-START"],
    ),
    with(
        case("AUDIT-BED-DAY", "3176", "1 NGAY_VAO=%111000 | 1 SO_NGAY_DTRI=2 | 1 NGAY_VAO_NOI_TRU=%111000", ""),
        &["TIME-ORDER", "LEAVE-START"],
    ),
    with(case("AUDIT-BED-OVERLAP", "3176", "3:5 SO_LUONG=4", ""), &["LINE-BV", "LINE-BH"]),
    case("AUDIT-EXAM-INPATIENT", "3176", "3:2 MA_NHOM=13", "1 MA_LOAI_KCB=02 | 3:2 MA_NHOM=13"),
    case("AUDIT-CEILING", "3176", "3:4 GOI_VTYT=G1 | 3:4 T_TRANTT=7999", "3:4 GOI_VTYT=G1 | 3:4 T_TRANTT=8000"),
    case("AUDIT-WEIGHT", "3176", "1 CAN_NANG=200.01", "1 CAN_NANG=200"),
    case("AUDIT-WARD-K01", "3176", "2 MA_KHOA=K01", "2 MA_KHOA=K01 | 1 NGAY_VAO_NOI_TRU=%100840"),
];

/// Every case but those of the reader's problems, which all have the same form, and one that needs a long text.
pub fn all() -> impl Iterator<Item = &'static Case> {
    [TABLES, FIELDS, PERSONS, MONEY, TIMES, AUDIT].into_iter().flatten()
}
