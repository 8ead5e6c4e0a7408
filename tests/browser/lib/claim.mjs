// A claim file as a facility would send it: one visit to an out-patient room in March 2025 (layout 3176).
import { Buffer } from "node:buffer";

const XML1 = {
  STT: "1", MA_BN: "BN000001", HO_TEN: "Hồ Thị Thử", SO_CCCD: "046190000001", NGAY_SINH: "199003150000", GIOI_TINH: "2",
  NHOM_MAU: "", MA_QUOCTICH: "000", MA_DANTOC: "01", MA_NGHE_NGHIEP: "00000", DIA_CHI: "1 Lê Lợi", MATINH_CU_TRU: "46",
  MAHUYEN_CU_TRU: "474", MAXA_CU_TRU: "19750", DIEN_THOAI: "", MA_THE_BHYT: "GD4464600000019", MA_DKBD: "46016",
  GT_THE_TU: "20250101", GT_THE_DEN: "20251231",
  NGAY_MIEN_CCT: "", LY_DO_VV: "Đau họng", LY_DO_VNT: "", MA_LY_DO_VNT: "", CHAN_DOAN_VAO: "Viêm họng cấp",
  CHAN_DOAN_RV: "Viêm họng cấp", MA_BENH_CHINH: "J02.9", MA_BENH_KT: "", MA_BENH_YHCT: "", MA_PTTT_QT: "",
  MA_DOITUONG_KCB: "1.1", MA_NOI_DI: "", MA_NOI_DEN: "", MA_TAI_NAN: "", NGAY_VAO: "202503100800", NGAY_VAO_NOI_TRU: "",
  NGAY_RA: "202503100930", GIAY_CHUYEN_TUYEN: "", SO_NGAY_DTRI: "0", PP_DIEU_TRI: "", KET_QUA_DTRI: "1", MA_LOAI_RV: "1",
  GHI_CHU: "", NGAY_TTOAN: "202503100940", T_THUOC: "0", T_VTYT: "0", T_TONGCHI_BV: "0", T_TONGCHI_BH: "0", T_BNTT: "0",
  T_BNCCT: "0", T_BHTT: "0", T_NGUONKHAC: "0", T_BHTT_GDV: "0", NAM_QT: "2025", THANG_QT: "03", MA_LOAI_KCB: "01",
  MA_KHOA: "K01", MA_KHUVUC: "", CAN_NANG: "52", CAN_NANG_CON: "", NAM_NAM_LIEN_TUC: "", NGAY_TAI_KHAM: "",
  MA_HSBA: "HS000001", MA_TTDV: "0460000001", DU_PHONG: "",
};

/** The file's text, for `facility` with MA_LK `id`; `fields` of XML1 stand before the usual ones. */
export function claimFile({ facility, id, fields = {} }) {
  const rows = Object.entries({ MA_LK: id, ...XML1, MA_CSKCB: facility, ...fields });
  const inner = `<TONG_HOP>${rows.map(([tag, value]) => `<${tag}>${value}</${tag}>`).join("")}</TONG_HOP>`;
  return `<?xml version="1.0" encoding="utf-8"?>
<GIAMDINHHS><THONGTINDONVI><MACSKCB>${facility}</MACSKCB></THONGTINDONVI>
<THONGTINHOSO><NGAYLAP>20250312</NGAYLAP><SOLUONGHOSO>1</SOLUONGHOSO><DANHSACHHOSO><HOSO>
<FILEHOSO><LOAIHOSO>XML1</LOAIHOSO><NOIDUNGFILE>${Buffer.from(inner).toString("base64")}</NOIDUNGFILE></FILEHOSO>
</HOSO></DANHSACHHOSO></THONGTINHOSO><CHUKYDONVI/></GIAMDINHHS>
`;
}
