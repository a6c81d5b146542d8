-- Which set of functions is deployed.
select functions_digest from http.deployed
