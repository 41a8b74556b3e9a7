-- Every flight that left an hour late or more, the worst first.
SELECT
    flights.day,
    coalesce(airlines.name, flights.carrier) AS carrier,
    origin || ' – ' || dest AS route,
    printf('%02d:%02d', sched_dep_time / 100, sched_dep_time % 100) AS scheduled,
    dep_delay AS delay
FROM flights
LEFT JOIN airlines ON airlines.carrier = flights.carrier
WHERE day BETWEEN :period_first AND :period_last AND dep_delay >= 60
ORDER BY dep_delay DESC
