//! `mach serve`: the pages and the API on one address.

mod crowd;
mod limits;
mod listen;
mod patience;

use crate::{Outcome, console, open};
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use clap::Args;
use mach_house::{House, Settings};
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::net::TcpListener;

/// Where to serve.
#[derive(Args)]
pub struct Options {
    /// Address and port; port 0 takes a free one
    #[arg(long, env = "MACH_LISTEN", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// Serve a damaged store for reading; nothing can be written then
    #[arg(long)]
    pub despite_damage: bool,
    /// Address by which receivers of subscriptions know this server, https://mach.example.vn; the listening one if not given
    #[arg(long, env = "MACH_PUBLIC_URL", value_name = "URL")]
    pub public_url: Option<String>,
}

/// Set where the store is damaged: then `/healthz` says so.
static DAMAGED: AtomicBool = AtomicBool::new(false);
/// Set where it is served all the same: then nobody writes.
static READ_ONLY: AtomicBool = AtomicBool::new(false);

/// Serves until Ctrl-C.
pub fn run(data: &Path, options: &Options) -> Outcome {
    refuse_public(options.listen)?;
    let store = open(data)?;
    let damages = store.check_at_start(&console(mach_access::Act::Administer)?).map_err(|e| e.to_string())?;
    if !damages.is_empty() {
        crate::store::print_damages(&damages);
        if !options.despite_damage {
            return Err(format!(
                "kho dữ liệu bị hỏng, không phục vụ / the store is damaged and is not served: {}\n\
                 hint: mach store check names what is lost; restore a backup (mach restore) into a new folder; \
                 mach serve --despite-damage serves it for reading only",
                store.shown()
            ));
        }
        DAMAGED.store(true, Ordering::SeqCst);
    }
    READ_ONLY.store(options.despite_damage, Ordering::SeqCst);
    watch_over(&store)?;
    let _signing = crate::log::signer::start(data, &store)?;
    let public = options.public_url.as_deref();
    serve(House::new(store, Settings::default()), (data, options.listen, public), &mut |address| {
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
            DAMAGED.store(true, Ordering::SeqCst);
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

/// 200 `ok`, or 503 where the store was found damaged.
async fn healthz() -> Result<&'static str, (StatusCode, &'static str)> {
    if DAMAGED.load(Ordering::SeqCst) {
        return Err((StatusCode::SERVICE_UNAVAILABLE, "the store is damaged: see the log, and mach store check"));
    }
    Ok("ok")
}

/// Refuses what would write, where the store is served despite its damage.
async fn only_reading(request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let reads = request.method().is_safe() || path.ends_with("/_search") || path.starts_with("/sign-");
    if READ_ONLY.load(Ordering::SeqCst) && !reads {
        return mach_ui::http::Problem::Unavailable.into_response();
    }
    next.run(request).await
}

/// The whole application; `data` is the folder of its files.
pub fn application(house: House, data: &Path) -> axum::Router {
    let fhir = mach_fhir_api::Interface::upon(house.store(), data);
    routes(house, &fhir)
}

fn routes(house: House, fhir: &mach_fhir_api::Interface) -> axum::Router {
    let routes = axum::Router::new()
        .route("/healthz", get(healthz))
        .merge(mach_house::sign_in::router())
        .merge(mach_hoc::router())
        .merge(mach_intake::router())
        .merge(fhir.router())
        .merge(mach_record::router())
        .merge(mach_account::router())
        .merge(crate::log::routes::router())
        .with_state(house)
        .layer(axum::middleware::from_fn(only_reading));
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
    mach_fhir_api::subscription::topic::all();
}

/// Serves `house` until Ctrl-C or SIGTERM, then finishes what was asked; `ready` is told the address. `on`: the folder of its
/// files, where to listen, the address by which others know it.
pub fn serve(
    house: House,
    on: (&Path, SocketAddr, Option<&str>),
    ready: &mut dyn FnMut(SocketAddr) -> Result<(), String>,
) -> Outcome {
    let (data, listen, public) = on;
    load_content();
    let runtime = tokio::runtime::Runtime::new().map_err(|e| e.to_string())?;
    runtime.block_on(async {
        let listener = TcpListener::bind(listen).await.map_err(|e| {
            format!("cannot listen on `{listen}`: {e}\nhint: another program uses it; try --listen 127.0.0.1:0")
        })?;
        let address = listener.local_addr().map_err(|e| e.to_string())?;
        ready(address)?;
        let fhir = mach_fhir_api::Interface::upon(house.store(), data);
        let base = public.map_or_else(|| format!("http://{address}"), |url| url.trim_end_matches('/').to_owned());
        let mut settings = mach_fhir_api::subscription::Settings::new(format!("{base}/fhir"));
        settings.loopback = house.demo();
        let delivery = fhir.deliver(settings)?;
        let shared = listen::Shared::new(routes(house, &fhir), limits::Limits::of_this_system());
        listen::serve(listener, shared, stopped()).await;
        delivery.stop().await;
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

#[cfg(test)]
mod tests;
