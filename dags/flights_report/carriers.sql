-- A row a carrier, the busiest first.
SELECT
    coalesce(airlines.name, flights.carrier) AS carrier,
    count(*) AS flights,
    sum(dep_time IS NULL) AS cancelled,
    avg(dep_delay) AS delay,
    avg(dep_delay >= 15) AS late
FROM flights
LEFT JOIN airlines ON airlines.carrier = flights.carrier
WHERE day BETWEEN :period_first AND :period_last
GROUP BY 1
ORDER BY flights DESC
