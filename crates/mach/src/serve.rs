//! `mach serve`: the pages and the API on one address.

mod crowd;
mod limits;
mod listen;
mod patience;
#[cfg(test)]
mod tests;

use crate::{Outcome, console, open};
use axum::routing::get;
use clap::Args;
use mach_house::{House, Settings};
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use tokio::net::TcpListener;

/// Where to serve.
#[derive(Args)]
pub struct Options {
    /// Address and port; port 0 takes a free one
    #[arg(long, env = "MACH_LISTEN", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
}

/// Serves until Ctrl-C.
pub fn run(data: &Path, options: &Options) -> Outcome {
    refuse_public(options.listen)?;
    let store = open(data)?;
    watch_over(&store)?;
    let _signing = crate::log::signer::start(data, &store)?;
    serve(House::new(store, Settings::default()), options.listen, &mut |address| {
        println!("listening on http://{address}");
        Ok(())
    })
}

/// Reads the whole database once beside the serving: a broken page is told when the program starts, not when somebody
/// needs what lies on it.
fn watch_over(store: &mach_store::Store) -> Result<(), String> {
    let (store, decision) = (store.clone(), console(mach_access::Act::Administer)?);
    let look = move || match store.quick_check(&decision) {
        Ok(damages) if damages.is_empty() => {}
        Ok(damages) => {
            crate::store::print_damages(&damages);
            eprintln!(
                "mach: kho dữ liệu bị hỏng; xem: mach store check\nmach: the store is damaged; see: mach store check"
            );
        }
        Err(e) => eprintln!("mach: the store could not be checked: {e}"),
    };
    std::thread::Builder::new().name("store-check".to_owned()).spawn(look).map_err(|e| e.to_string())?;
    Ok(())
}

/// Passwords and records must not travel in clear: without TLS only this machine is served. A proxy with TLS in front
/// of a loopback address is the way until the product ends TLS itself.
fn refuse_public(listen: SocketAddr) -> Result<(), String> {
    if listen.ip().is_loopback() {
        return Ok(());
    }
    Err(format!(
        "`{listen}` is reachable from other machines and this version does not end TLS itself.\n\
         hint: listen on 127.0.0.1 and put a proxy with TLS in front of it"
    ))
}

/// The whole application.
pub fn application(house: House) -> axum::Router {
    let fhir = mach_fhir_api::router(house.store());
    let routes = axum::Router::new()
        .route("/healthz", get(|| async { "ok" }))
        .merge(mach_house::sign_in::router())
        .merge(mach_hoc::router())
        .merge(mach_intake::router())
        .merge(fhir)
        .merge(mach_record::router())
        .merge(crate::log::routes::router())
        .with_state(house);
    mach_ui::http::serve(routes.merge(mach_ui::gallery::gallery_router()))
}

/// Reads every list now, so that a broken one stops the start and not the first request.
pub fn load_content() {
    mach_terms::load();
    mach_places::load();
    mach_claims::check::Rules::shared();
    mach_claims::check::Codes::shared();
    mach_cube::Definitions::shared();
    mach_record::load();
}

/// Serves `house` on `listen` until Ctrl-C or SIGTERM, then finishes what was asked; `ready` is told the address.
pub fn serve(house: House, listen: SocketAddr, ready: &mut dyn FnMut(SocketAddr) -> Result<(), String>) -> Outcome {
    load_content();
    let runtime = tokio::runtime::Runtime::new().map_err(|e| e.to_string())?;
    runtime.block_on(async {
        let listener = TcpListener::bind(listen).await.map_err(|e| {
            format!("cannot listen on `{listen}`: {e}\nhint: another program uses it; try --listen 127.0.0.1:0")
        })?;
        ready(listener.local_addr().map_err(|e| e.to_string())?)?;
        let shared = listen::Shared::new(application(house), limits::Limits::of_this_system());
        listen::serve(listener, shared, stopped()).await;
        Ok::<(), String>(())
    })?;
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn stopped() {
    let interrupt = async {
        // Where the signal cannot be listened for, only killing stops the program; that is safe too.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    let terminate = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    #[cfg(not(unix))]
    let terminate = std::future::pending::<()>();
    tokio::select! { () = interrupt => {}, () = terminate => {} }
}
