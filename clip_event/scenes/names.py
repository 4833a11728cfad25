"""Names for captions; all people and papers are made up."""

FIRST_NAMES = (
    *("Maria", "Ivan", "Amina", "Daniel", "Rosa", "Kofi", "Elena", "Tomas", "Priya", "Omar", "Lucia", "Jonas"),
    *("Mei", "Samuel", "Fatima", "Pedro", "Anna", "Hassan", "Chloe", "Viktor", "Leila", "Marco", "Ines", "David"),
)
LAST_NAMES = (
    *("Kovacs", "Petrov", "Haddad", "Mensah", "Silva", "Novak", "Sharma", "Duarte", "Lindgren", "Okafor", "Moreau"),
    *("Tanaka", "Rossi", "Farah", "Jensen", "Castillo", "Weber", "Nguyen", "Demir", "Popescu", "Murphy", "Diallo"),
)
CITIES = (
    *(("Lima", "Peru"), ("Nairobi", "Kenya"), ("Warsaw", "Poland"), ("Manila", "Philippines"), ("Dakar", "Senegal")),
    *(("Athens", "Greece"), ("Quito", "Ecuador"), ("Hanoi", "Vietnam"), ("Oslo", "Norway"), ("Amman", "Jordan")),
    *(
        ("Tirana", "Albania"),
        ("Bogota", "Colombia"),
        ("Dhaka", "Bangladesh"),
        ("Accra", "Ghana"),
        ("Lisbon", "Portugal"),
    ),
    *(("Kyiv", "Ukraine"), ("Tunis", "Tunisia"), ("Seoul", "South Korea"), ("Havana", "Cuba"), ("Riga", "Latvia")),
    *(("Santiago", "Chile"), ("Kampala", "Uganda"), ("Vienna", "Austria"), ("Baghdad", "Iraq"), ("Dublin", "Ireland")),
    *(
        ("Kathmandu", "Nepal"),
        ("Zagreb", "Croatia"),
        ("Lusaka", "Zambia"),
        ("Toronto", "Canada"),
        ("Perth", "Australia"),
    ),
)
PAPERS = ("Daily Courier", "Harbor Post", "The Observer Wire", "Morning Gazette", "Photo Agency North")
MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
