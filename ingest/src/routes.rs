//! Method and path to what is asked for, and from there to who answers.

use std::time::Instant;

use contract::{OrderId, Sku};
use hyper::body::Incoming;
use hyper::{Method, Request};

use crate::problem::{Kind, Problem};
use crate::query::decode;
use crate::reply::Reply;
use crate::worker::Worker;
use crate::{body, place_order, requests};

/// What is asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Route {
    /// `POST /orders`
    PlaceOrder,
    /// `POST /orders/{id}/cancel`
    CancelOrder(OrderId),
    /// `POST /orders/{id}/ship`
    ShipOrder(OrderId),
    /// `POST /stock/{sku}/adjustments`
    AdjustStock(Sku),
    /// `GET /orders?customerId=…`
    ListOrders,
    /// `GET /orders/{id}`
    GetOrder(OrderId),
    /// `GET /stock/{sku}`
    GetStock(Sku),
    /// `GET /metrics/sales`
    GetSales,
}

/// A route's name in metrics.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Name {
    /// `POST /orders`
    PlaceOrder,
    /// `POST /orders/{id}/cancel`
    CancelOrder,
    /// `POST /orders/{id}/ship`
    ShipOrder,
    /// `POST /stock/{sku}/adjustments`
    AdjustStock,
    /// `GET /orders?customerId=…`
    ListOrders,
    /// `GET /orders/{id}`
    GetOrder,
    /// `GET /stock/{sku}`
    GetStock,
    /// `GET /metrics/sales`
    GetSales,
    /// No route.
    Other,
}

impl Name {
    /// All of them, in order.
    pub const ALL: [Self; 9] = [
        Self::PlaceOrder,
        Self::CancelOrder,
        Self::ShipOrder,
        Self::AdjustStock,
        Self::ListOrders,
        Self::GetOrder,
        Self::GetStock,
        Self::GetSales,
        Self::Other,
    ];

    /// The label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PlaceOrder => "place_order",
            Self::CancelOrder => "cancel_order",
            Self::ShipOrder => "ship_order",
            Self::AdjustStock => "adjust_stock",
            Self::ListOrders => "list_orders",
            Self::GetOrder => "get_order",
            Self::GetStock => "get_stock",
            Self::GetSales => "get_sales",
            Self::Other => "other",
        }
    }
}

impl Route {
    /// Reads method and path.
    pub fn parse(method: &Method, path: &str) -> Result<Self, Problem> {
        if path == "/orders" {
            return match *method {
                Method::POST => Ok(Self::PlaceOrder),
                Method::GET => Ok(Self::ListOrders),
                _ => Err(Problem::method_not_allowed("GET, POST")),
            };
        }
        let mut parts = path.strip_prefix('/').unwrap_or(path).split('/');
        let segments = [(); 4].map(|()| parts.next().unwrap_or(""));
        if parts.next().is_some() {
            return Err(no_such_route());
        }
        match segments {
            ["orders", id, "", ""] => {
                only(method, &Method::GET, "GET")?;
                order_id(id).map(Self::GetOrder)
            }
            ["orders", id, "cancel", ""] => {
                only(method, &Method::POST, "POST")?;
                order_id(id).map(Self::CancelOrder)
            }
            ["orders", id, "ship", ""] => {
                only(method, &Method::POST, "POST")?;
                order_id(id).map(Self::ShipOrder)
            }
            ["stock", sku, "", ""] => {
                only(method, &Method::GET, "GET")?;
                product(sku).map(Self::GetStock)
            }
            ["stock", sku, "adjustments", ""] => {
                only(method, &Method::POST, "POST")?;
                product(sku).map(Self::AdjustStock)
            }
            ["metrics", "sales", "", ""] => {
                only(method, &Method::GET, "GET")?;
                Ok(Self::GetSales)
            }
            _ => Err(no_such_route()),
        }
    }

    fn name(&self) -> Name {
        match self {
            Self::PlaceOrder => Name::PlaceOrder,
            Self::CancelOrder(_) => Name::CancelOrder,
            Self::ShipOrder(_) => Name::ShipOrder,
            Self::AdjustStock(_) => Name::AdjustStock,
            Self::ListOrders => Name::ListOrders,
            Self::GetOrder(_) => Name::GetOrder,
            Self::GetStock(_) => Name::GetStock,
            Self::GetSales => Name::GetSales,
        }
    }
}

fn no_such_route() -> Problem {
    Problem::new(
        Kind::NoSuchRoute,
        "try /orders, /orders/{id}, /orders/{id}/cancel, /orders/{id}/ship, /stock/{sku}, \
         /stock/{sku}/adjustments or /metrics/sales",
    )
}

fn only(method: &Method, allowed: &Method, allow: &'static str) -> Result<(), Problem> {
    if method == allowed { Ok(()) } else { Err(Problem::method_not_allowed(allow)) }
}

fn order_id(segment: &str) -> Result<OrderId, Problem> {
    OrderId::parse(segment).ok_or_else(|| {
        Problem::new(Kind::InvalidPath, "an order id is a lower-case hyphenated UUID")
    })
}

fn product(segment: &str) -> Result<Sku, Problem> {
    decode(segment).and_then(|text| Sku::parse(&text)).ok_or_else(|| {
        Problem::new(Kind::InvalidPath, "a product id is 1 to 64 characters of A-Z a-z 0-9 . _ : -")
    })
}

/// Answers one request; whatever is wrong becomes a problem document.
pub async fn answer(worker: &Worker, request: Request<Incoming>) -> Reply {
    let started = Instant::now();
    let (name, outcome) = match Route::parse(request.method(), request.uri().path()) {
        Ok(route) => (route.name(), dispatch(worker, route, request).await),
        Err(problem) => (Name::Other, Err(body::refuse(request, problem).await)),
    };
    let reply = outcome.unwrap_or_else(Problem::into_reply);
    worker.meter.record(name, reply.status(), started.elapsed());
    reply
}

async fn dispatch(
    worker: &Worker,
    route: Route,
    request: Request<Incoming>,
) -> Result<Reply, Problem> {
    match route {
        Route::PlaceOrder => place_order::place_order(worker, request).await,
        Route::CancelOrder(id) => requests::cancel(worker, id, request).await,
        Route::ShipOrder(id) => requests::ship(worker, id, request).await,
        Route::AdjustStock(sku) => requests::adjust(worker, sku, request).await,
        Route::ListOrders | Route::GetOrder(_) | Route::GetStock(_) | Route::GetSales => {
            worker.reads.answer(route, request.uri().query()).await
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "01990000-0000-7000-8000-00000000000a";

    fn read(method: &Method, path: &str) -> Result<Route, Kind> {
        Route::parse(method, path).map_err(|problem| problem.kind())
    }

    #[test]
    fn every_route_is_found() {
        let id = OrderId::parse(ID).unwrap();
        let sku = Sku::parse("p:1").unwrap();
        let post = |path: &str| read(&Method::POST, path).unwrap();
        let get = |path: &str| read(&Method::GET, path).unwrap();
        assert_eq!(post("/orders"), Route::PlaceOrder);
        assert_eq!(post(&format!("/orders/{ID}/cancel")), Route::CancelOrder(id));
        assert_eq!(post(&format!("/orders/{ID}/ship")), Route::ShipOrder(id));
        assert_eq!(post("/stock/p%3A1/adjustments"), Route::AdjustStock(sku.clone()));
        assert_eq!(get("/orders"), Route::ListOrders);
        assert_eq!(get(&format!("/orders/{ID}")), Route::GetOrder(id));
        assert_eq!(get("/stock/p:1"), Route::GetStock(sku));
        assert_eq!(get("/metrics/sales"), Route::GetSales);
    }

    #[test]
    fn what_is_no_route_says_what_it_is_instead() {
        assert_eq!(read(&Method::GET, "/"), Err(Kind::NoSuchRoute));
        assert_eq!(read(&Method::GET, "/orders/a/b/c/d"), Err(Kind::NoSuchRoute));
        assert_eq!(read(&Method::POST, "/order"), Err(Kind::NoSuchRoute));
        assert_eq!(read(&Method::POST, &format!("/orders/{ID}/cancel//x")), Err(Kind::NoSuchRoute));
        assert_eq!(read(&Method::DELETE, "/orders"), Err(Kind::MethodNotAllowed));
        assert_eq!(read(&Method::PUT, &format!("/orders/{ID}")), Err(Kind::MethodNotAllowed));
        assert_eq!(read(&Method::GET, "/orders/7"), Err(Kind::InvalidPath));
        assert_eq!(
            read(&Method::GET, &format!("/orders/{}", ID.to_uppercase())),
            Err(Kind::InvalidPath)
        );
        assert_eq!(read(&Method::GET, "/stock/a%20b"), Err(Kind::InvalidPath));
    }

    #[test]
    fn names_stand_in_the_order_of_their_numbers() {
        for (index, name) in Name::ALL.into_iter().enumerate() {
            assert_eq!(name as usize, index);
        }
    }
}
