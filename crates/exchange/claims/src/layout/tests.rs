use super::*;

#[test]
fn every_layout_is_whole() {
    let layouts = Layouts::load().unwrap();
    for (decision, tables, heads, drugs) in
        [("4210", 5, 41, 27), ("130", 12, 65, 38), ("4750", 15, 66, 39), ("3176", 15, 66, 39)]
    {
        let layout = layouts.get(decision).unwrap();
        assert_eq!(layout.tables.len(), tables, "{decision}");
        assert_eq!(layout.table(1).unwrap().fields.len(), heads, "{decision}");
        assert_eq!(layout.table(2).unwrap().fields.len(), drugs, "{decision}");
        assert!(layout.table(12).is_none());
        for table in &layout.tables {
            assert!(!table.path.is_empty());
            for (i, field) in table.fields.iter().enumerate() {
                assert_eq!(
                    (field.position as usize, table.index(&field.tag)),
                    (i + 1, Some(i)),
                    "{decision} {}",
                    field.tag
                );
            }
            assert_eq!(table.index("KHONG_CO"), None);
        }
    }
    assert_eq!(layouts.get("4210").unwrap().table(2).unwrap().path, ["DSACH_CHI_TIET_THUOC", "CHI_TIET_THUOC"]);
    assert!(!layouts.get("3176").unwrap().table(1).unwrap().repeats);
    assert!(layouts.get("3176").unwrap().table(9).unwrap().repeats);
}

#[test]
fn the_day_chooses() {
    let layouts = Layouts::shared();
    for (day, seen, decision) in [
        ("2018-01-01", Family::Q4210, "4210"),
        ("2018-01-01", Family::Q130, "4210"),
        ("2023-01-17", Family::Q130, "4210"),
        ("2023-01-18", Family::Q130, "130"),
        ("2023-01-18", Family::Q4210, "4210"),
        ("2024-06-30", Family::Q130, "130"),
        ("2024-06-30", Family::Q4210, "4210"),
        ("2024-07-01", Family::Q4210, "4750"),
        ("2024-12-31", Family::Q130, "4750"),
        ("2025-01-01", Family::Q130, "3176"),
        ("2040-01-01", Family::Q4210, "3176"),
    ] {
        let day = Day::parse_iso(day).unwrap();
        assert_eq!(layouts.on(day, seen).map(|l| l.decision.as_str()), Some(decision), "{day} {seen:?}");
    }
    for (day, seen, decision) in [
        (Some("2018-01-01"), Family::Q130, "130"),
        (Some("2024-08-01"), Family::Q130, "4750"),
        (Some("2025-08-01"), Family::Q4210, "4210"),
        (None, Family::Q130, "3176"),
    ] {
        assert_eq!(layouts.nearest(day.and_then(Day::parse_iso), seen).decision, decision);
    }
}

#[test]
fn broken_lists_are_refused() {
    let layouts = || Layouts { all: vec![layout("130")], told_by: HashMap::default() };
    fn layout(decision: &str) -> Layout {
        Layout { decision: decision.into(), valid_from: None, valid_to: None, family: Family::Q130, tables: vec![] }
    }
    let head = "decision,table,position,tag,type,max_length,required,meaning_vi,code_list,notes\n";
    for row in [
        "130,XML1,x,MA_LK,Chuỗi,5,R,,,",
        "130,XML1,1,,Chuỗi,5,R,,,",
        "130,XML16,1,MA_LK,Chuỗi,5,R,,,",
        "130,XML1,1,MA_LK,Chữ,5,R,,,",
        "130,XML1,1,MA_LK,Chuỗi,-5,R,,,",
        "130,XML1,1,MA_LK,Chuỗi,5,X,,,",
        "130,INNER_ROOT,1,TONG_HOP,element path,,R,,,XML1",
        "130,XML1,1,MA_LK,Chuỗi,5,R,,,\n130,XML1,2,MA_LK,Chuỗi,5,R,,,",
    ] {
        let read = layouts().read_fields("claims/130.csv", &format!("{head}{row}\n"));
        assert!(matches!(read, Err(LayoutError::Value { .. })), "{row}");
    }
    assert!(matches!(layouts().read_decisions("l", "a,b\n1\n"), Err(LayoutError::Csv { .. })));
    assert!(matches!(finish(&mut layout("130")), Err(LayoutError::Incomplete { table: 1, .. })));
}
