//! Serves the component gallery alone: `cargo run -p mach-ui --example gallery [ADDRESS]`, then open `/ui`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8099".to_owned());
    let listener = tokio::net::TcpListener::bind(&address).await?;
    println!("http://{address}/ui");
    axum::serve(listener, mach_ui::http::serve(mach_ui::gallery::gallery_router())).await
}
